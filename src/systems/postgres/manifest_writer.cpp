#include "systems/postgres/manifest_writer.hpp"

#include <array>
#include <ctime>

#include "systems/postgres/backup_manifest.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;

bool needs_encoding(std::string_view path) {
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\') return true;
  }
  return false;
}

// Names that are no plain text are given as hexadecimal bytes.
std::string path_field(const std::string& path) {
  if (needs_encoding(path)) return "\"Encoded-Path\": \"" + to_hex(as_bytes(path)) + "\"";
  return "\"Path\": \"" + path + "\"";
}

std::string time_text(std::int64_t mtime_ns) {
  const auto seconds = static_cast<std::time_t>(mtime_ns / 1'000'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text;
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::string line_of(const ManifestLine& file) {
  std::string line = "{ " + path_field(file.path) + ", \"Size\": " + std::to_string(file.size_bytes) +
                     ", \"Last-Modified\": \"" + time_text(file.mtime_ns) + "\"";
  if (file.crc32c) {
    line += ", \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"" + manifest_crc32c(*file.crc32c) + "\"";
  }
  return line + " }";
}

}  // namespace

std::string ManifestWriter::begin() const {
  std::string text = "{ \"PostgreSQL-Backup-Manifest-Version\": " + std::to_string(version_) + ",\n";
  if (version_ >= 2) text += "\"System-Identifier\": " + system_id_ + ",\n";
  return text + "\"Files\": [";
}

std::string ManifestWriter::end() {
  std::string text = "\n],\n\"WAL-Ranges\": [\n";
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    text += i == 0 ? "" : ",\n";
    text += "{ \"Timeline\": " + std::to_string(ranges_[i].timeline) + ", \"Start-LSN\": \"" +
            format_lsn(ranges_[i].start) + "\", \"End-LSN\": \"" + format_lsn(ranges_[i].end) + "\" }";
  }
  text += "\n],\n";
  hash_.update(as_bytes(text));
  checksum_ = to_hex(hash_.finish());
  text += "\"Manifest-Checksum\": \"" + checksum_ + "\"}\n";
  return text;
}

std::string ManifestWriter::next() {
  std::string text;
  if (stage_ == Stage::ended) return text;
  if (stage_ == Stage::begin) text = begin();
  stage_ = Stage::files;
  for (; next_ < files_.size() && text.size() < kPieceBytes; ++next_) {
    text += next_ == 0 ? "\n" : ",\n";
    text += line_of(files_[next_]);
  }
  hash_.update(as_bytes(text));
  if (next_ < files_.size()) return text;
  stage_ = Stage::ended;
  return text + end();
}

}  // namespace drkit::systems::postgres
