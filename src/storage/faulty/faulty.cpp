// faulty: injects faults by plan and counts calls, so that everything above a storage can be tested by fault.
#include <mutex>
#include <optional>

#include <drkit/storage.hpp>

#include "storage/key.hpp"

namespace drkit {
namespace {

using storage::begin_call;
using storage::begin_list;
using storage::key_error;

class FaultyStorage final : public Storage {
 public:
  FaultyStorage(StoragePtr inner, FaultPlan plan, std::shared_ptr<CallCounts> counts)
      : inner_(std::move(inner)),
        plan_(std::move(plan)),
        seen_(plan_.faults.size()),
        counts_(counts ? std::move(counts) : std::make_shared<CallCounts>()) {}

  StorageInfo info() const override { return inner_->info(); }

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    ++counts_->stat;
    DRKIT_TRY(begin_call(ctx, key));
    return around(ctx, StorageCall::stat, key, [&](const Fault*) { return inner_->stat(ctx, key); });
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    ++counts_->get;
    DRKIT_TRY(begin_call(ctx, key));
    return around(ctx, StorageCall::get, key, [&](const Fault* fault) {
      auto bytes = inner_->get(ctx, key, range);
      if (bytes && fault != nullptr) damage(*bytes, *fault);
      if (bytes) counts_->bytes_got += bytes->size();
      return bytes;
    });
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    ++counts_->put;
    DRKIT_TRY(begin_call(ctx, key));
    return around(ctx, StorageCall::put, key, [&](const Fault*) { return put_within_space(ctx, key, bytes, options); });
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    ++counts_->remove;
    DRKIT_TRY(begin_call(ctx, key));
    return around(ctx, StorageCall::remove, key, [&](const Fault*) { return remove_and_free(ctx, key); });
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    ++counts_->list;
    DRKIT_TRY(begin_list(ctx, prefix));
    return around(ctx, StorageCall::list, prefix, [&](const Fault* fault) {
      if (fault == nullptr || fault->kind != FaultKind::truncate) return inner_->list(ctx, prefix, visit);
      std::uint64_t left = fault->position;
      return inner_->list(ctx, prefix, [&](const ObjectInfo& object) { return left-- != 0 && visit(object); });
    });
  }

 private:
  template <class Call>
  auto around(const Context& ctx, StorageCall kind, std::string_view key, Call call) -> decltype(call(nullptr)) {
    DRKIT_ASSIGN(const Fault* const fault, strike(kind, key));
    if (fault == nullptr) return call(nullptr);
    const Error error = key_error(fault->code, "injected fault", key, fault->retry);
    if (fault->kind == FaultKind::fail || fault->kind == FaultKind::crash_before) return error;
    if (fault->kind == FaultKind::delay) DRKIT_TRY(ctx.clock->sleep_for(fault->duration, ctx.cancel));
    auto result = call(fault);
    const bool silent = fault->kind == FaultKind::lost_answer || fault->kind == FaultKind::crash_after;
    if (silent && result.ok()) return error;
    return result;
  }

  // The fault of this call, or null; an error when the process is dead already.
  Result<const Fault*> strike(StorageCall kind, std::string_view key) {
    const std::lock_guard lock(mutex_);
    if (crash_ != nullptr) return key_error(crash_->code, "injected crash", key);
    const Fault* found = nullptr;
    for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
      const Fault& fault = plan_.faults[i];
      if (fault.call != StorageCall::any && fault.call != kind) continue;
      if (!key.starts_with(fault.key_prefix)) continue;
      const std::uint64_t number = ++seen_[i];
      if (found == nullptr && number >= fault.nth && number - fault.nth < fault.times) found = &fault;
    }
    const bool crashes =
        found != nullptr && (found->kind == FaultKind::crash_before || found->kind == FaultKind::crash_after);
    if (crashes) crash_ = found;
    return found;
  }

  static void damage(Bytes& bytes, const Fault& fault) {
    if (bytes.empty()) return;
    if (fault.kind == FaultKind::truncate && fault.position < bytes.size()) bytes.resize(fault.position);
    if (fault.kind == FaultKind::bit_flip) {
      const std::uint64_t bit = fault.position % (std::uint64_t{bytes.size()} * 8);
      bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    }
  }

  Result<void> put_within_space(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) {
    {
      const std::lock_guard lock(mutex_);
      if (bytes.size() > plan_.space_bytes - used_bytes_) {
        return key_error(ErrorCode::no_space, "injected end of space", key);
      }
      used_bytes_ += bytes.size();
    }
    auto done = inner_->put(ctx, key, bytes, options);
    if (done) counts_->bytes_put += bytes.size();
    if (!done) free_space(bytes.size());
    return done;
  }

  Result<void> remove_and_free(const Context& ctx, std::string_view key) {
    const auto there = inner_->stat(ctx, key);
    auto done = inner_->remove(ctx, key);
    if (done && there) free_space(there->size_bytes);
    return done;
  }

  void free_space(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    used_bytes_ -= std::min(used_bytes_, bytes);
  }

  StoragePtr inner_;
  const FaultPlan plan_;
  std::mutex mutex_;
  std::vector<std::uint64_t> seen_;  // by fault: calls that it has looked at
  const Fault* crash_ = nullptr;     // set for ever once a crash struck
  std::uint64_t used_bytes_ = 0;
  std::shared_ptr<CallCounts> counts_;
};

}  // namespace

StoragePtr with_faults(StoragePtr inner, FaultPlan plan, std::shared_ptr<CallCounts> counts) {
  return std::make_shared<FaultyStorage>(std::move(inner), std::move(plan), std::move(counts));
}

}  // namespace drkit
