// Compiled twice: as it stands it must compile, with DRKIT_IGNORE it must not.
#include <drkit/result.hpp>

namespace {

drkit::Result<int> value() { return 1; }
drkit::Result<void> nothing() { return {}; }
drkit::Error error() { return {drkit::ErrorCode::io, "reading failed"}; }

}  // namespace

int main() {
#if DRKIT_IGNORE == 1
  value();
#elif DRKIT_IGNORE == 2
  nothing();
#elif DRKIT_IGNORE == 3
  error();
#endif
  return value().ok() && nothing().ok() && error().retryable() ? 1 : 0;
}
