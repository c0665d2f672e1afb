#include "systems/postgres/backup_manifest.hpp"

#include <array>
#include <charconv>

#include <nlohmann/json.hpp>

#include "systems/postgres/manifest_digest.hpp"
#include "systems/postgres/paths.hpp"

namespace drkit::systems::postgres {
namespace {

Error malformed(std::string what) { return Error(ErrorCode::corrupt, "the backup manifest is malformed: " + what); }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

Result<std::string> decode_hex(std::string_view text) {
  std::string bytes;
  if (text.size() % 2 != 0) return malformed("odd number of hexadecimal digits");
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return malformed("not hexadecimal");
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

// Events of the JSON parser: the document is an object of numbers, strings and two arrays of flat objects.
class Reader {
 public:
  explicit Reader(const std::function<Result<void>(const ManifestFile&)>& visit) : visit_(visit) {}

  bool null() { return fail(malformed("unexpected null")); }
  bool boolean(bool) { return fail(malformed("unexpected boolean")); }
  bool number_integer(std::int64_t) { return fail(malformed("negative number")); }
  bool number_float(double, const std::string&) { return fail(malformed("fraction")); }
  bool binary(std::vector<std::uint8_t>&) { return fail(malformed("unexpected binary")); }
  bool number_unsigned(std::uint64_t value) { return settle(number(value)); }
  bool string(std::string& value) { return settle(text(value)); }
  bool start_object(std::size_t) { return settle(open_object()); }
  bool end_object() { return settle(close_object()); }
  bool start_array(std::size_t) {
    if (depth_ != 1 || (key_ != "Files" && key_ != "WAL-Ranges")) return fail(malformed("unexpected list"));
    ++depth_;
    list_ = key_;
    return true;
  }
  bool end_array() {
    --depth_;
    return true;
  }
  bool key(std::string& name) {
    key_ = name;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    return fail(malformed("bad syntax at byte " + std::to_string(position)));
  }

  const std::optional<Error>& error() const { return error_; }
  const ManifestFacts& facts() const { return facts_; }

 private:
  bool fail(Error error) {
    if (!error_) error_ = std::move(error);
    return false;
  }
  bool settle(Result<void> result) { return result.ok() || fail(std::move(result).error()); }

  Result<void> number(std::uint64_t value);
  Result<void> text(const std::string& value);
  Result<void> text_of_file(const std::string& value);
  Result<void> open_object();
  Result<void> close_object();
  Result<void> close_file();

  const std::function<Result<void>(const ManifestFile&)>& visit_;
  std::optional<Error> error_;
  ManifestFacts facts_;
  int depth_ = 0;  // 1: document, 2: list, 3: member of a list
  std::string key_, list_;
  ManifestFile file_;
  WalRange range_;
  bool has_path_ = false, has_size_ = false;
  unsigned range_fields_ = 0;
};

Result<void> Reader::number(std::uint64_t value) {
  if (depth_ == 1 && key_ == "PostgreSQL-Backup-Manifest-Version") {
    if (value != 1 && value != 2) {
      return Error(ErrorCode::version_unsupported, "the backup manifest has an unknown version")
          .with("version", std::to_string(value));
    }
    facts_.version = value;
    return {};
  }
  if (depth_ == 1 && key_ == "System-Identifier") {
    facts_.system_id = value;
    return {};
  }
  if (depth_ == 3 && list_ == "Files" && key_ == "Size") {
    file_.size_bytes = value;
    has_size_ = true;
    return {};
  }
  if (depth_ == 3 && list_ == "WAL-Ranges" && key_ == "Timeline" && value > 0 && value <= UINT32_MAX) {
    range_.timeline = static_cast<TimelineId>(value);
    range_fields_ |= 1;
    return {};
  }
  return malformed("unexpected number");
}

Result<void> Reader::text(const std::string& value) {
  if (depth_ == 1 && key_ == "Manifest-Checksum") return {};
  if (depth_ == 3 && list_ == "Files") return text_of_file(value);
  if (depth_ == 3 && (key_ == "Start-LSN" || key_ == "End-LSN")) {
    const bool start = key_ == "Start-LSN";
    DRKIT_ASSIGN((start ? range_.start : range_.end), parse_lsn(value));
    range_fields_ |= start ? 2 : 4;
    return {};
  }
  return malformed("unexpected text");
}

Result<void> Reader::text_of_file(const std::string& value) {
  if (key_ == "Path" || key_ == "Encoded-Path") {
    if (has_path_) return malformed("a file has two paths");
    std::string path = value;
    if (key_ == "Encoded-Path") {
      DRKIT_ASSIGN(path, decode_hex(value));
    }
    DRKIT_ASSIGN(file_.path, clean_relative_path(path));
    if (file_.path.empty()) return malformed("a file has no name");
    has_path_ = true;
    return {};
  }
  if (key_ == "Checksum-Algorithm") {
    file_.algorithm = value == "NONE" ? "" : value;
    return {};
  }
  if (key_ == "Checksum") {
    DRKIT_TRY(decode_hex(value));
    file_.checksum = value;
    return {};
  }
  if (key_ == "Last-Modified") return {};
  return malformed("unexpected text");
}

Result<void> Reader::open_object() {
  if (depth_ != 0 && depth_ != 2) return malformed("unexpected object");
  ++depth_;
  file_ = {};
  range_ = {};
  has_path_ = has_size_ = false;
  range_fields_ = 0;
  // A version behind the lists would come too late to know what the lists mean.
  if (depth_ == 3 && facts_.version == 0) return malformed("the version does not come first");
  return {};
}

Result<void> Reader::close_object() {
  const bool member = depth_ == 3;
  --depth_;
  if (!member) return {};
  if (list_ == "Files") return close_file();
  if (range_fields_ != 7) return malformed("an incomplete WAL range");
  facts_.wal_ranges.push_back(range_);
  return {};
}

Result<void> Reader::close_file() {
  if (!has_path_ || !has_size_) return malformed("a file without path or size");
  if (file_.algorithm.empty() != file_.checksum.empty()) return malformed("a checksum without its algorithm");
  ++facts_.files;
  return visit_(file_);
}

}  // namespace

Result<ManifestFacts> read_backup_manifest(std::string_view text,
                                           const std::function<Result<void>(const ManifestFile&)>& visit) {
  ManifestDigest digest;
  digest.update(as_bytes(text));
  DRKIT_TRY(digest.finish());
  Reader reader(visit);
  const bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  if (reader.error()) return *reader.error();
  if (!parsed || reader.facts().version == 0) return malformed("not a manifest");
  return reader.facts();
}

std::string manifest_crc32c(std::uint32_t value) {
  std::array<std::byte, 4> bytes;
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
  return to_hex(bytes);
}

std::optional<std::uint32_t> crc32c_of(const ManifestFile& file) {
  if (file.algorithm != "CRC32C" || file.checksum.size() != 8) return std::nullopt;
  std::uint32_t written = 0;
  const char* begin = file.checksum.data();
  if (std::from_chars(begin, begin + 8, written, 16).ptr != begin + 8) return std::nullopt;
  // Its four bytes are written lowest first.
  return written >> 24 | (written >> 8 & 0xFF00) | (written << 8 & 0xFF0000) | written << 24;
}

}  // namespace drkit::systems::postgres
