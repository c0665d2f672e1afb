#include <mutex>

#include <drkit/context.hpp>

namespace drkit {

void Context::write_log(LogLevel level, std::string_view message) const {
  if (log == nullptr) return;
  // A sink may use the library, which may log.
  static std::recursive_mutex mutex;
  const std::lock_guard lock(mutex);
  log->log(level, message);
}

}  // namespace drkit
