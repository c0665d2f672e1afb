#include "storage/local/growing_file.hpp"

#include "storage/key.hpp"

namespace drkit::storage::local {

Result<void> GrowingFile::append(const Context& ctx, ByteView bytes) {
  if (auto running = ctx.check_cancelled(); !running) return std::move(running).error().with("key", key_);
  if (failed_) return key_error(ErrorCode::precondition_failed, "nothing can be added to an object that failed", key_);
  Result<void> done = file_.append(bytes);
  if (done) done = file_.sync();
  failed_ = !done;
  if (!done) return std::move(done).error().with("key", key_);
  return {};
}

}  // namespace drkit::storage::local
