#include <drkit/spi/source.hpp>

#include <algorithm>

namespace drkit {

bool entry_path_less(std::string_view a, std::string_view b) {
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (y == b.end()) return false;
  if (x == a.end()) return true;
  // A separator sorts before every other byte, which keeps a directory and its children together.
  if (*x == '/') return *y != '/';
  if (*y == '/') return false;
  return static_cast<unsigned char>(*x) < static_cast<unsigned char>(*y);
}

bool is_unchanged(const Entry& now, const Entry& earlier) {
  return now.type == earlier.type && now.size_bytes == earlier.size_bytes && now.mtime_ns == earlier.mtime_ns &&
         now.fingerprint != Fingerprint{} && now.fingerprint == earlier.fingerprint && !earlier.problem;
}

}  // namespace drkit
