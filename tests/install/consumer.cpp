// What a user's first program needs: an error with its name out of the library, the clock, a context.
#include <cstdio>
#include <string>

#include <drkit/context.hpp>
#include <drkit/result.hpp>
#include <drkit/version.hpp>

int main() {
  drkit::Context context;
  if (context.clock->wall_ns() <= 0 || !context.check_cancelled()) return 1;
  context.cancel.cancel();
  const drkit::Result<void> answer = context.check_cancelled();
  if (answer || std::string(drkit::error_code_name(answer.error().code())) != "cancelled") return 2;
  std::printf("drkit %s: %s\n", DRKIT_VERSION, answer.error().to_string().c_str());
  return 0;
}
