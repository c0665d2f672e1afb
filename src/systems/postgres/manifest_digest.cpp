#include "systems/postgres/manifest_digest.hpp"

namespace drkit::systems::postgres {
namespace {

// The last line is `"Manifest-Checksum": "64 digits"}` and a line break, about 90 bytes.
constexpr std::size_t kKeepBytes = 512;
constexpr std::size_t kHashAtBytes = 64 * 1024;

}  // namespace

void ManifestDigest::update(ByteView bytes) {
  tail_.append(as_text(bytes));
  if (tail_.size() < kHashAtBytes) return;
  const std::size_t count = tail_.size() - kKeepBytes;
  hash_.update(as_bytes(tail_).first(count));
  tail_.erase(0, count);
}

Result<void> ManifestDigest::finish() {
  const Error cut(ErrorCode::corrupt, "the backup manifest is cut: it does not end with its checksum");
  if (tail_.size() < 2 || tail_.back() != '\n') return cut;
  const std::size_t line_break = tail_.rfind('\n', tail_.size() - 2);
  if (line_break == std::string::npos) return cut;
  const std::string_view last = std::string_view(tail_).substr(line_break + 1);
  constexpr std::string_view kBefore = "\"Manifest-Checksum\": \"";
  const std::size_t key = last.find(kBefore);
  constexpr std::size_t kDigits = 64;
  if (key == std::string_view::npos || last.size() - key < kBefore.size() + kDigits) return cut;
  const std::string_view expected = last.substr(key + kBefore.size(), kDigits);
  if (last.substr(key + kBefore.size() + kDigits) != "\"}\n") return cut;
  hash_.update(as_bytes(tail_).first(line_break + 1));
  const std::string found = to_hex(hash_.finish());
  if (found == expected) return {};
  return Error(ErrorCode::corrupt, "the backup manifest does not fit its own checksum")
      .with("expected", std::string(expected))
      .with("found", found);
}

}  // namespace drkit::systems::postgres
