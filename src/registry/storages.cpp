#include <drkit/registry.hpp>
#include <drkit/storage.hpp>

#include "base/patience.hpp"
#include "base/url.hpp"
#include "registry/mirror_address.hpp"
#include "registry/path_address.hpp"
#include "registry/s3_address.hpp"
#include "registry/webdav_address.hpp"
#include "storage/retry/retry.hpp"
#include "storage/sftp/sftp.hpp"

namespace drkit {
namespace {

Result<StoragePtr> open_sftp(const Context& ctx, std::string_view address, const StorageOptions& options) {
  return base::repeat_briefly(ctx, options.attempts, [&]() -> Result<StoragePtr> {
    DRKIT_ASSIGN(storage::sftp::Settings settings, storage::sftp::parse(address, options));
    return storage::sftp::open(ctx, std::move(settings));
  });
}

Result<StoragePtr> open_driver(const Context& ctx, std::string_view address, const StorageOptions& options) {
  const std::string scheme = base::scheme_of(address);
  if (scheme.empty() || scheme == "file") {
    DRKIT_ASSIGN(const std::string path, registry::directory_of(address));
    LocalOptions local;
    local.create = options.create;
    return make_local_storage(path, local);
  }
  if (scheme == "mem") {
    if (address.size() > std::string_view("mem:").size()) {
      return Error(ErrorCode::invalid_argument, "nothing may follow mem:");
    }
    return make_memory_storage();
  }
  if (scheme == "mirror") return registry::open_mirror(ctx, address, options);
  if (registry::is_webdav(scheme)) return registry::open_webdav(ctx, address, options);
  if (scheme == "sftp") return open_sftp(ctx, address, options);
  if (scheme == "s3") return registry::open_s3(ctx, address, options);
  return Error(ErrorCode::unsupported, "this build has no storage with this scheme").with("scheme", scheme);
}

}  // namespace

Result<StoragePtr> open_storage(const Context& ctx, std::string_view address, const StorageOptions& options) {
  if (options.read_only && options.create) {
    return Error(ErrorCode::invalid_argument, "a place that is only read cannot be made");
  }
  base::RepeatLog log(ctx.log);
  Context opening = ctx;
  opening.log = &log;
  DRKIT_ASSIGN(StoragePtr storage, open_driver(opening, address, options));
  // Its copies have their own retries and limits.
  if (base::scheme_of(address) == "mirror") return storage;
  if (options.concurrency > 0) storage = with_concurrency(std::move(storage), options.concurrency);
  if (options.upload_bytes_per_second > 0 || options.download_bytes_per_second > 0) {
    storage = with_throttle(std::move(storage), {options.upload_bytes_per_second, options.download_bytes_per_second});
  }
  // Around the limits, so that a call that waits for its repeat holds no place, and bytes sent again are counted again.
  if (options.attempts > 1) {
    RetryOptions retry;
    retry.max_attempts = options.attempts;
    storage = storage::with_retry_after(ctx, std::move(storage), retry, log.line());
  }
  if (options.read_only) storage = read_only(std::move(storage));
  if (options.cache_directory.empty()) return storage;
  // Outermost: what it has needs nothing else, and checks find the place below it.
  return with_cache(std::move(storage), options.cache_directory, options.cache_bytes);
}

}  // namespace drkit
