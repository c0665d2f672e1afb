#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>

#include <drkit/object_lock.hpp>
#include <drkit/storage_s3.hpp>

#include "base/patience.hpp"
#include "base/url.hpp"
#include "registry/s3_address.hpp"

namespace drkit {
namespace {

Result<void> validate(const Context& ctx, const RetainOptions& options) {
  const auto bad = [](const char* why) { return Error(ErrorCode::invalid_argument, why); };
  if (options.until_ns == 0 && !options.legal_hold) return bad("neither a moment nor a legal hold is given");
  if (options.until_ns != 0 && options.until_ns <= ctx.clock->wall_ns()) return bad("the moment is not ahead of now");
  if (options.parallel < 1 || options.parallel > 64) return bad("parallel is a number from 1 to 64");
  return {};
}

// Threads take the next object until there is none.
class Retaining {
 public:
  Retaining(const Context& ctx, S3Storage& storage, const RetainOptions& options, unsigned attempts)
      : ctx_(ctx), storage_(storage), options_(options), attempts_(attempts) {}

  Result<RetainReport> run() {
    DRKIT_TRY(base::repeat_briefly(ctx_, attempts_, [&]() -> Result<void> {
      objects_.clear();
      return storage_.list(ctx_, "", [&](const ObjectInfo& object) {
        objects_.push_back(object);
        return true;
      });
    }));
    {
      std::vector<std::jthread> others;
      try {
        for (unsigned i = 1; i < options_.parallel; ++i) others.emplace_back([this] { work(); });
      } catch (const std::system_error&) {
        // A process at its limit of threads works with those it got.
      }
      work();
    }
    DRKIT_TRY(ctx_.check_cancelled());
    if (unsupported_) return std::move(*unsupported_);
    return std::move(report_);
  }

 private:
  void work() {
    for (std::size_t i = next_++; i < objects_.size(); i = next_++) {
      if (ctx_.cancel.cancelled()) return;
      const ObjectInfo& object = objects_[i];
      auto done = base::repeat_briefly(ctx_, attempts_, [&] { return protect(object.key); });
      if (!done && done.error().code() == ErrorCode::not_found) continue;
      note(object, done);
    }
  }

  Result<void> protect(const std::string& key) {
    if (options_.until_ns != 0) DRKIT_TRY(storage_.extend_retention(ctx_, key, options_.until_ns));
    if (options_.legal_hold) DRKIT_TRY(storage_.set_legal_hold(ctx_, key, *options_.legal_hold));
    return {};
  }

  void note(const ObjectInfo& object, const Result<void>& done) {
    const std::lock_guard lock(mutex_);
    if (done) {
      ++report_.objects;
      report_.bytes += object.size_bytes;
      return;
    }
    report_.failures.push_back({object.key, done.error().to_string()});
    if (done.error().code() != ErrorCode::unsupported) return;
    // The bucket has no such thing: none of the others will do better.
    next_ = objects_.size();
    if (!unsupported_) unsupported_ = done.error();
  }

  const Context& ctx_;
  S3Storage& storage_;
  const RetainOptions& options_;
  const unsigned attempts_;
  std::vector<ObjectInfo> objects_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  RetainReport report_;
  std::optional<Error> unsupported_;
};

}  // namespace

Result<RetainReport> retain_objects(const Context& ctx, std::string_view address, const StorageOptions& storage,
                                    const RetainOptions& options) {
  DRKIT_TRY(validate(ctx, options));
  const std::string scheme = base::scheme_of(address);
  if (scheme != "s3") {
    return Error(ErrorCode::unsupported, "only objects of S3 can be locked").with("scheme", scheme);
  }
  DRKIT_ASSIGN(const std::shared_ptr<S3Storage> opened, registry::open_bucket(ctx, address, storage));
  return Retaining(ctx, *opened, options, storage.attempts).run();
}

}  // namespace drkit
