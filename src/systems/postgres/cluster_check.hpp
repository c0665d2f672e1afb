// Looks at the files of a backed-up cluster, wherever they are: against the backup manifest, page by page, WAL
// included.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "systems/postgres/backup_manifest.hpp"
#include "systems/postgres/control_file.hpp"
#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/finding.hpp"
#include "systems/postgres/page.hpp"
#include "systems/postgres/sha256.hpp"

namespace drkit::systems::postgres {

/// Feed it every regular file but backup_manifest, in any order: begin_file, update, end_file; then finish.
/// Codes: file_missing, file_unknown (warning), file_size, file_checksum, checksum_unchecked (warning), page_checksum,
/// page_cut (warning), pages_unchecked (info), control_file, system_id and those of check_wal_present. At most
/// kMaxFindings are kept. Memory grows with the number of files, not with their size.
/// Thread-safety: one thread at a time.
class ClusterCheck {
 public:
  static constexpr std::size_t kMaxFindings = 1000;

  /// Errors: as read_backup_manifest.
  static Result<ClusterCheck> make(std::string_view manifest);

  void begin_file(std::string path);
  void update(ByteView bytes);
  void end_file();
  Findings finish();
  std::uint64_t pages_torn() const { return torn_; }

 private:
  struct Expected {
    ManifestFile file;
    bool seen = false;
  };

  void add(Severity severity, std::string code, std::string message);
  void add(Findings& list, Finding finding) const;
  void compare(Expected& expected);
  void end_pages();
  void check_control(Findings& findings) const;

  std::map<std::string, Expected> expected_;
  ManifestFacts facts_;
  Lsn start_lsn_ = 0;
  Findings findings_, page_findings_;
  std::map<std::string, std::uint64_t> wal_;
  std::optional<Result<ControlFile>> control_;
  std::uint64_t torn_ = 0;

  // The file that is being read.
  std::string path_;
  std::uint64_t size_ = 0;
  Crc32c crc_;
  std::optional<Sha256> sha_;
  std::optional<PageVerifier> pages_;
  std::string control_text_;
};

}  // namespace drkit::systems::postgres
