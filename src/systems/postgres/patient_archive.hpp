// The log's objects through an outage of the storage: whoever has the log safe elsewhere can wait.
#pragma once

#include <functional>
#include <mutex>

#include <drkit/wal.hpp>

namespace drkit::systems::postgres {

/// What a storage answers while it, or the way to it, is away or full.
bool is_outage(const Error& error);

/// WalArchive, which it borrows, with patience: during an outage a call comes back only when it is over or the context
/// is cancelled. Its beginning is one warning in the log, its end one line. Thread-safety: any thread.
class PatientArchive {
 public:
  PatientArchive(const WalArchive& archive, bool patient) : archive_(archive), patient_(patient) {}

  Result<void> put(const Context& ctx, const WalName& name, ByteView bytes, const WalFacts& facts = {});
  Result<bool> same(const Context& ctx, const WalName& name, ByteView bytes);
  Result<void> remove_piece(const Context& ctx, const WalName& name);
  Result<void> remove_tail(const Context& ctx, const WalName& first);
  Result<bool> is_tail_within(const Context& ctx, const WalName& first, ByteView log);
  /// Without patience, as what is added to it: whoever cannot puts a piece instead.
  Result<std::unique_ptr<WalTail>> begin_tail(const Context& ctx, const WalName& first) const {
    return archive_.begin_tail(ctx, first.system_id, first.timeline, first.start);
  }

 private:
  Result<void> persist(const Context& ctx, const std::function<Result<void>()>& step);
  void note(const Context& ctx, const Result<void>& done);

  const WalArchive& archive_;
  const bool patient_;
  std::mutex mutex_;
  bool outage_ = false;
};

}  // namespace drkit::systems::postgres
