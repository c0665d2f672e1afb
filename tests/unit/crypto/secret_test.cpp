#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <drkit/secret.hpp>
#include <fstream>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

using namespace drkit;

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret> && std::is_nothrow_move_assignable_v<Secret>);

namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(Printable<int> && !Printable<Secret>);

// The sanitizers of addresses and of threads make mlock do nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLocksWork = false;
#elif defined(__has_feature)
constexpr bool kLocksWork = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool kLocksWork = true;
#endif

// The kernel's flags of the mapping that holds the address.
std::string mapping_flags(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    const auto dash = line.find('-');
    if (dash != std::string::npos && dash < 17 && line.find(':') > dash) {
      const auto low = std::stoull(line.substr(0, dash), nullptr, 16);
      const auto high = std::stoull(line.substr(dash + 1), nullptr, 16);
      inside = low <= wanted && wanted < high;
    } else if (inside && line.starts_with("VmFlags:")) {
      return line + " ";
    }
  }
  return "";
}

}  // namespace

TEST_CASE("a secret keeps its bytes through moves and clones") {
  Secret a = Secret::from_text("correct horse");
  const Secret b = a.clone();
  Secret c = std::move(a);
  CHECK(a.empty());  // NOLINT(bugprone-use-after-move): a moved-from secret is empty
  CHECK(a.view().empty());
  CHECK(as_text(c.view()) == "correct horse");
  CHECK(c == b);
  c = Secret::from_text("other");
  CHECK_FALSE(c == b);
  Secret& same = c;
  c = std::move(same);
  CHECK(as_text(c.view()) == "other");
  CHECK(Secret::copy_of({}).empty());
  CHECK(Secret() == Secret::from_text(""));
}

TEST_CASE("a secret's pages are locked and stay out of core files") {
  const Secret secret = Secret::from_text("in no core file");
  const std::string flags = mapping_flags(secret.view().data());
  INFO(flags);
  CHECK(flags.find(" dd ") != std::string::npos);
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
  if (kLocksWork && limit.rlim_cur >= (1U << 20)) CHECK(flags.find(" lo ") != std::string::npos);
}

// In a child, since a privileged process may lock past its limit and must become an ordinary one to see it.
TEST_CASE("past the limit of locked memory secrets still work and stay out of core files") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    constexpr rlimit kNone{};
    if (setrlimit(RLIMIT_MEMLOCK, &kNone) != 0) _exit(10);
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(11);
    (void)prctl(PR_SET_DUMPABLE, 1);  // lets the process read its own /proc again
    const Secret secret = Secret::from_text("still here");
    if (as_text(secret.view()) != "still here") _exit(12);
    const std::string flags = mapping_flags(secret.view().data());
    if (flags.find(" dd ") == std::string::npos) _exit(13);
    if (flags.find(" lo ") != std::string::npos) _exit(14);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("zeros are zeros and can be filled") {
  Secret secret = Secret::zeros(100);
  CHECK(std::string(100, '\0') == as_text(secret.view()));
  secret.writable()[99] = std::byte{7};
  CHECK(secret.view()[99] == std::byte{7});
}
