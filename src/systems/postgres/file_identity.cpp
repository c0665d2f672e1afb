#include "systems/postgres/file_identity.hpp"

#include <fcntl.h>

#include <ctime>

namespace drkit::systems::postgres {
namespace {

// A write within the clock tick of the last one leaves the times of a file as they are.
constexpr std::int64_t kTick = 50'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t nanoseconds_of(const timespec& time) { return std::int64_t{time.tv_sec} * kSecond + time.tv_nsec; }

// One to one, so that two births on one device never look alike; never 0 for what is no birth at all.
std::uint64_t spread(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

}  // namespace

std::optional<std::int64_t> birth_of(int fd) {
  struct statx facts;
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &facts) != 0) return std::nullopt;
  if ((facts.stx_mask & STATX_BTIME) == 0 || facts.stx_btime.tv_sec == 0) return std::nullopt;
  return std::int64_t{facts.stx_btime.tv_sec} * kSecond + facts.stx_btime.tv_nsec;
}

Fingerprint make_fingerprint(const struct stat& status, std::optional<std::int64_t> birth_ns, std::int64_t now_ns) {
  const std::int64_t changed = nanoseconds_of(status.st_ctim);
  const bool born_before = birth_ns && now_ns - *birth_ns > kTick;
  const std::uint64_t birth = born_before ? spread(static_cast<std::uint64_t>(*birth_ns)) : 0;
  return {status.st_dev ^ birth, status.st_ino, now_ns - changed > kTick ? changed : 0};
}

Fingerprint fingerprint_of_file(int fd, const struct stat& status) {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return make_fingerprint(status, birth_of(fd), nanoseconds_of(now));
}

bool knows_birth(const Fingerprint& fingerprint, std::uint64_t device) { return fingerprint.device != device; }

}  // namespace drkit::systems::postgres
