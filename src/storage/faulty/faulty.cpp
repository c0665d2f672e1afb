// faulty: injects faults by plan and counts calls, so that everything above a storage can be tested by fault.
#include <mutex>
#include <optional>

#include <drkit/storage.hpp>

#include "storage/key.hpp"
#include "storage/layered.hpp"

namespace drkit {
namespace {

using storage::begin_call;
using storage::begin_list;
using storage::key_error;

/// What has struck so far; shared by all behind which one plan is carried out.
struct Course {
  Course(FaultPlan given, std::shared_ptr<CallCounts> counted)
      : plan(std::move(given)),
        seen(plan.faults.size()),
        counts(counted ? std::move(counted) : std::make_shared<CallCounts>()) {}
  const FaultPlan plan;
  std::mutex mutex;
  std::vector<std::uint64_t> seen;  // by fault: calls that it has looked at
  const Fault* crash = nullptr;     // set for ever once a crash struck
  std::uint64_t used_bytes = 0;
  const std::shared_ptr<CallCounts> counts;
};

class FaultyStorage final : public storage::Decorator, public std::enable_shared_from_this<FaultyStorage> {
 public:
  FaultyStorage(StoragePtr inner, std::shared_ptr<Course> course)
      : Decorator(std::move(inner)), course_(std::move(course)) {}

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    ++course_->counts->stat;
    DRKIT_TRY(begin_call(ctx, key));
    return strike_around(ctx, StorageCall::stat, key, [&](const Fault*) { return inner()->stat(ctx, key); });
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    ++course_->counts->get;
    DRKIT_TRY(begin_call(ctx, key));
    return strike_around(ctx, StorageCall::get, key, [&](const Fault* fault) {
      auto bytes = inner()->get(ctx, key, range);
      if (bytes && fault != nullptr) damage(*bytes, *fault);
      if (bytes) course_->counts->bytes_got += bytes->size();
      return bytes;
    });
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    ++course_->counts->put;
    DRKIT_TRY(begin_call(ctx, key));
    return strike_around(ctx, StorageCall::put, key, [&](const Fault*) {
      return within_space(bytes, key, [&] { return inner()->put(ctx, key, bytes, options); });
    });
  }

  // To the plan, making one and every addition to it are puts.
  Result<std::unique_ptr<GrowingObject>> grow(const Context& ctx, std::string_view key) override {
    ++course_->counts->put;
    DRKIT_TRY(begin_call(ctx, key));
    return strike_around(ctx, StorageCall::put, key, [&](const Fault*) -> Result<std::unique_ptr<GrowingObject>> {
      DRKIT_ASSIGN(auto growing, inner()->grow(ctx, key));
      return std::unique_ptr<GrowingObject>(
          std::make_unique<FaultyGrowth>(shared_from_this(), std::string(key), std::move(growing)));
    });
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    ++course_->counts->remove;
    DRKIT_TRY(begin_call(ctx, key));
    return strike_around(ctx, StorageCall::remove, key, [&](const Fault*) { return remove_and_free(ctx, key); });
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    ++course_->counts->list;
    DRKIT_TRY(begin_list(ctx, prefix));
    return strike_around(ctx, StorageCall::list, prefix, [&](const Fault* fault) {
      if (fault == nullptr || fault->kind != FaultKind::truncate) return inner()->list(ctx, prefix, visit);
      std::uint64_t left = fault->position;
      return inner()->list(ctx, prefix, [&](const ObjectInfo& object) { return left-- != 0 && visit(object); });
    });
  }

 private:
  class FaultyGrowth final : public GrowingObject {
   public:
    FaultyGrowth(std::shared_ptr<FaultyStorage> storage, std::string key, std::unique_ptr<GrowingObject> inner)
        : storage_(std::move(storage)), key_(std::move(key)), inner_(std::move(inner)) {}

    Result<void> append(const Context& ctx, ByteView bytes) override {
      ++storage_->course_->counts->put;
      return storage_->strike_around(ctx, StorageCall::put, key_, [&](const Fault*) {
        return storage_->within_space(bytes, key_, [&] { return inner_->append(ctx, bytes); });
      });
    }

   private:
    const std::shared_ptr<FaultyStorage> storage_;
    const std::string key_;
    const std::unique_ptr<GrowingObject> inner_;
  };

  StoragePtr around(StoragePtr other) const override {
    return std::make_shared<FaultyStorage>(std::move(other), course_);
  }

  template <class Call>
  auto strike_around(const Context& ctx, StorageCall kind, std::string_view key, Call call) -> decltype(call(nullptr)) {
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
    const std::lock_guard lock(course_->mutex);
    if (course_->crash != nullptr) return key_error(course_->crash->code, "injected crash", key);
    const Fault* found = nullptr;
    for (std::size_t i = 0; i < course_->plan.faults.size(); ++i) {
      const Fault& fault = course_->plan.faults[i];
      if (fault.call != StorageCall::any && fault.call != kind) continue;
      if (!key.starts_with(fault.key_prefix)) continue;
      const std::uint64_t number = ++course_->seen[i];
      if (found == nullptr && number >= fault.nth && number - fault.nth < fault.times) found = &fault;
    }
    const bool crashes =
        found != nullptr && (found->kind == FaultKind::crash_before || found->kind == FaultKind::crash_after);
    if (crashes) course_->crash = found;
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

  template <class Put>
  Result<void> within_space(ByteView bytes, std::string_view key, Put put) {
    {
      const std::lock_guard lock(course_->mutex);
      if (bytes.size() > course_->plan.space_bytes - course_->used_bytes) {
        return key_error(ErrorCode::no_space, "injected end of space", key);
      }
      course_->used_bytes += bytes.size();
    }
    auto done = put();
    if (done) course_->counts->bytes_put += bytes.size();
    if (!done) free_space(bytes.size());
    return done;
  }

  Result<void> remove_and_free(const Context& ctx, std::string_view key) {
    const auto there = inner()->stat(ctx, key);
    auto done = inner()->remove(ctx, key);
    if (done && there) free_space(there->size_bytes);
    return done;
  }

  void free_space(std::uint64_t bytes) {
    const std::lock_guard lock(course_->mutex);
    course_->used_bytes -= std::min(course_->used_bytes, bytes);
  }

  const std::shared_ptr<Course> course_;
};

}  // namespace

StoragePtr with_faults(StoragePtr inner, FaultPlan plan, std::shared_ptr<CallCounts> counts) {
  return std::make_shared<FaultyStorage>(std::move(inner),
                                         std::make_shared<Course>(std::move(plan), std::move(counts)));
}

}  // namespace drkit
