// Where received log goes: into the repository, on the way through the spool when there is one.
#pragma once

#include <chrono>
#include <optional>

#include <drkit/wal_receive.hpp>

#include "systems/postgres/wal_receive_spool.hpp"
#include "systems/postgres/wal_uploader.hpp"

namespace drkit::systems::postgres {

/// One timeline's log. With a spool everything is written there first and read back for the uploader as that has room,
/// so an outage of the storage costs disk and no memory, and a lost connection to the server changes nothing here.
/// Thread-safety: one thread at a time.
class WalIntake {
 public:
  WalIntake(const Context& ctx, const WalArchive& archive, const UploadStart& start, const WalReceiveOptions& options,
            int wake_fd);

  /// Bytes that came before are compared with what is in the spool, and passed over.
  /// Errors: no_space (the spool is full: keep_moving(), then the same again), already_exists (they differ), io,
  ///   without a spool that of storing.
  Result<void> take(Lsn at, ByteView bytes);
  /// What there is to do between two messages; `quiet`: nothing more came. Errors: that of storing, io.
  Result<void> keep_moving(bool quiet);
  /// Whether keep_moving has more to do at once.
  bool is_behind() const;
  /// Whether nothing may be taken: without a spool memory is the limit.
  bool is_full() const { return !spool_ && uploader_.is_full(); }

  /// Stores the rest and ends. Given up when the caller cancels, or with `at_once` anyway, after ten seconds; what is
  /// in the spool stays there. Errors: that of storing, cancelled (given up).
  Result<void> finish(bool at_once);

  bool has_spool() const { return spool_.has_value(); }
  const UploadStart& start() const { return start_; }
  Lsn received() const { return spool_ ? spool_->written() : uploader_.received(); }
  Lsn stored() const { return uploader_.durable(); }
  /// What the server may be told.
  Lsn durable() const;
  /// What is safe, told or not: also what the repository had before.
  Lsn safe() const;
  Result<void> state() const { return uploader_.state(); }
  std::uint64_t segments() const { return uploader_.segments(); }
  std::uint64_t pieces() const { return uploader_.pieces(); }

 private:
  Result<void> feed();
  Result<void> drain(std::optional<std::chrono::steady_clock::time_point> deadline);
  Result<void> compare(Lsn at, ByteView bytes);

  const Context& ctx_;
  const WalArchive& archive_;
  const UploadStart start_;
  const std::string spool_directory_;
  std::optional<ReceiveSpool> spool_;
  Bytes buffer_;
  WalUploader uploader_;
};

}  // namespace drkit::systems::postgres
