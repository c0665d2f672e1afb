// The cluster as its server streams it, whole or as changes since an earlier snapshot.
#pragma once

#include <optional>
#include <string>

#include <drkit/postgres.hpp>

#include "systems/postgres/base_backup.hpp"
#include "systems/postgres/incremental_file.hpp"
#include "systems/postgres/incremental_stream.hpp"
#include "systems/postgres/manifest_digest.hpp"
#include "systems/postgres/tar_reader.hpp"

namespace drkit::systems::postgres {

/// Over the replication protocol, one connection. An incremental backup is made complete on the way: what the server
/// did not send is what the earlier snapshot has.
class PostgresSource final : public Source {
 public:
  PostgresSource(ConnectionParameters parameters, PostgresOptions options)
      : parameters_(std::move(parameters)), options_(std::move(options)) {}

  SourceInfo info() const override {
    return {"postgres", server_name(parameters_), false, false, false, compares_, {"backup_manifest"}};
  }
  std::uint64_t estimated_bytes() const override { return start_.total_bytes; }
  Result<void> begin(const Context& ctx) override;
  Result<void> compare_with(const Context& ctx, const EarlierSnapshot& earlier) override;
  Result<void> start(const Context& ctx) override;
  Result<std::unique_ptr<Stream>> next(const Context& ctx) override;
  Result<SourceReceipt> finish(const Context& ctx) override;

  // For the stream of the current member.
  const Entry& entry() const { return entry_; }
  bool has_changes() const { return changes_.has_value(); }
  Reuse compare(const Entry& earlier);
  void forget_earlier() { walk_.reset(); }
  Result<ReadResult> read_run(const Context& ctx, std::span<std::byte> buffer);
  Result<void> close_stream() const;

 private:
  enum class Stage : std::uint8_t { idle, waiting, members, manifest, ended, finished };

  Result<void> start_incremental(const Context& ctx);
  Result<void> begin_member(const Context& ctx, Entry member);
  Result<void> begin_changes(const Context& ctx, std::string path);
  Result<void> begin_label(const Context& ctx);
  Result<void> begin_manifest(const Context& ctx);
  Result<TarEvent> next_event(const Context& ctx);
  Result<bool> pull(const Context& ctx);
  Result<void> enter_archive(const std::string& name);
  Result<std::size_t> read(const Context& ctx, std::span<std::byte> buffer);
  std::size_t give_held(std::span<std::byte> buffer);
  Result<std::size_t> read_member(const Context& ctx, std::span<std::byte> buffer);
  Result<std::size_t> read_manifest(const Context& ctx, std::span<std::byte> buffer);
  Result<void> skip_rest(const Context& ctx);
  std::unique_ptr<Stream> stream_of(Entry entry);
  void remember(const Entry& member);
  Entry root_entry() const;

  ConnectionParameters parameters_;
  PostgresOptions options_;
  std::unique_ptr<BaseBackup> backup_;
  BackupStart start_;
  SourceReceipt receipt_;
  Stage stage_ = Stage::idle;
  bool root_given_ = false;
  bool manifest_given_ = false;
  bool manifest_checked_ = false;
  std::optional<TarReader> tar_;
  std::string prefix_;
  ByteView unread_;  ///< of the current message
  Entry entry_;
  bool member_open_ = false;
  std::optional<std::uint32_t> root_mode_;
  std::uint32_t uid_ = 0, gid_ = 0;
  std::int64_t newest_ns_ = 0;
  std::string label_text_;
  ManifestDigest manifest_digest_;

  // Of an incremental backup, made complete on the way.
  bool compares_ = false;
  std::string why_full_ = "there is no earlier snapshot that may be read";
  std::optional<EarlierBackup> earlier_;
  bool incremental_ = false;
  std::optional<IncrementalHeader> changes_;  ///< of the current member
  std::optional<IncrementalWalk> walk_;
  CompleteManifest complete_;
  std::optional<ManifestWriter> writer_;
  std::string held_;  ///< to be given instead of what the server sent
};

}  // namespace drkit::systems::postgres
