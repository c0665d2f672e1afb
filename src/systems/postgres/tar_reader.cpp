#include "systems/postgres/tar_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "systems/postgres/paths.hpp"

namespace drkit::systems::postgres {
namespace {

struct Field {
  std::size_t offset;
  std::size_t length;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12}, kMtime{136, 12};
constexpr Field kChecksum{148, 8}, kLink{157, 100}, kMagic{257, 5}, kPrefix{345, 155};
constexpr std::size_t kTypeOffset = 156;
constexpr std::uint64_t kMaxExtendedBytes = 64 * 1024;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

template <class Block>
std::string_view text_of(const Block& block, Field field) {
  const std::string_view whole(block.data() + field.offset, field.length);
  return whole.substr(0, whole.find('\0'));
}

// Numbers are octal text, or big-endian binary marked by the first byte's high bit when octal has too few digits.
template <class Block>
std::optional<std::uint64_t> number_of(const Block& block, Field field) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(block.data()) + field.offset;
  if ((bytes[0] & 0x80) != 0) {
    std::uint64_t value = bytes[0] & 0x3F;
    if ((bytes[0] & 0x40) != 0) return std::nullopt;  // negative
    for (std::size_t i = 1; i < field.length; ++i) {
      if (value >> 56 != 0) return std::nullopt;
      value = value << 8 | bytes[i];
    }
    return value;
  }
  std::string_view text = text_of(block, field);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.empty()) return 0;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Block>
std::uint64_t checksum_of(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool in_field = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length;
    sum += in_field ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return sum;
}

std::optional<EntryType> type_of(char type) {
  switch (type) {
    case '0':
    case '\0':
      return EntryType::regular;
    case '1':
      return EntryType::hardlink;
    case '2':
      return EntryType::symlink;
    case '5':
      return EntryType::directory;
    default:
      return std::nullopt;
  }
}

template <class Number>
std::optional<Number> decimal(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> pax_time_ns(std::string_view text) {
  const auto dot = text.find('.');
  const auto seconds = decimal<std::int64_t>(text.substr(0, dot));
  constexpr std::int64_t kMaxSeconds = 1LL << 33;
  if (!seconds || *seconds < 0 || *seconds > kMaxSeconds) return std::nullopt;
  std::int64_t fraction = 0;
  if (dot != std::string_view::npos) {
    std::string digits(text.substr(dot + 1, 9));
    digits.resize(9, '0');
    const auto parsed = decimal<std::int64_t>(digits);
    if (!parsed || *parsed < 0) return std::nullopt;
    fraction = *parsed;
  }
  return *seconds * kNsPerSecond + fraction;
}

}  // namespace

Error TarReader::corrupt(std::string message) const {
  return Error(ErrorCode::corrupt, std::move(message)).with("archive_offset", std::to_string(offset_));
}

ByteView TarReader::take(ByteView& input, std::uint64_t limit) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(limit, input.size()));
  const ByteView taken = input.first(count);
  input = input.subspan(count);
  offset_ += count;
  return taken;
}

Result<TarEvent> TarReader::next(ByteView& input) {
  for (;;) {
    const State before = state_;
    Result<TarEvent> event = [&] {
      switch (state_) {
        case State::header:
          return on_header(input);
        case State::content:
          return on_content(input);
        case State::padding:
          return on_padding(input);
        case State::extended:
          return on_extended(input);
        case State::done:
          // Writers may pad the archive with more zeros: nothing behind the end matters.
          take(input, input.size());
          return Result<TarEvent>(TarEvent{});
      }
      return Result<TarEvent>(corrupt("impossible state"));
    }();
    // A state that ended without an event hands over to the next one while there is input.
    if (!event.ok() || event->kind != TarEvent::Kind::need_more) return event;
    if (state_ == before && input.empty()) return event;
  }
}

Result<TarEvent> TarReader::on_header(ByteView& input) {
  const ByteView piece = take(input, kBlock - block_filled_);
  if (!piece.empty()) std::memcpy(block_.data() + block_filled_, piece.data(), piece.size());
  block_filled_ += piece.size();
  if (block_filled_ < kBlock) return TarEvent{};
  block_filled_ = 0;
  if (std::all_of(block_.begin(), block_.end(), [](char c) { return c == 0; })) {
    if (++zero_blocks_ < 2) return TarEvent{};
    state_ = State::done;
    return TarEvent{TarEvent::Kind::archive_end, {}};
  }
  if (zero_blocks_ != 0) return corrupt("a member follows the end mark of the archive");
  DRKIT_ASSIGN(const bool announced, parse_header(block_));
  return TarEvent{announced ? TarEvent::Kind::entry : TarEvent::Kind::need_more, {}};
}

Result<TarEvent> TarReader::on_content(ByteView& input) {
  if (content_left_ == 0) {
    state_ = State::padding;
    return TarEvent{TarEvent::Kind::entry_end, {}};
  }
  const ByteView piece = take(input, content_left_);
  content_left_ -= piece.size();
  if (piece.empty()) return TarEvent{};
  return TarEvent{TarEvent::Kind::data, piece};
}

Result<TarEvent> TarReader::on_padding(ByteView& input) {
  padding_left_ -= take(input, padding_left_).size();
  if (padding_left_ == 0) state_ = State::header;
  return TarEvent{};
}

Result<TarEvent> TarReader::on_extended(ByteView& input) {
  const ByteView piece = take(input, content_left_);
  extended_.append(as_text(piece));
  content_left_ -= piece.size();
  if (content_left_ != 0) return TarEvent{};
  DRKIT_TRY(parse_pax(extended_));
  extended_.clear();
  state_ = State::padding;
  return TarEvent{};
}

Result<bool> TarReader::parse_header(const Block& block) {
  const auto checksum = number_of(block, kChecksum);
  if (!checksum || *checksum != checksum_of(block)) return corrupt("tar header has a wrong checksum");
  if (text_of(block, kMagic) != "ustar") return corrupt("tar header lacks the ustar mark");
  auto size = number_of(block, kSize);
  if (pax_.size) size = pax_.size;
  if (!size || *size > UINT64_MAX - kBlock) return corrupt("tar header has a malformed size");
  const char type = block[kTypeOffset];
  padding_left_ = (kBlock - *size % kBlock) % kBlock;
  content_left_ = *size;
  if (type == 'x') {
    if (*size > kMaxExtendedBytes) return corrupt("tar header extension is too long");
    state_ = State::extended;
    return false;
  }
  DRKIT_TRY(parse_member(block, type, *size));
  pax_ = {};
  state_ = State::content;
  return true;
}

Result<void> TarReader::parse_member(const Block& block, char type, std::uint64_t size) {
  const auto kind = type_of(type);
  if (!kind) {
    return Error(ErrorCode::unsupported, "tar member of an unknown kind")
        .with("type", std::to_string(static_cast<int>(type)));
  }
  const bool has_content = *kind == EntryType::regular;
  if (!has_content && size != 0) return corrupt("tar member that cannot have content has some");
  const auto mode = number_of(block, kMode), uid = number_of(block, kUid), gid = number_of(block, kGid);
  const auto mtime = number_of(block, kMtime);
  if (!mode || !uid || !gid || !mtime) return corrupt("tar header has a malformed number");
  std::string path = pax_.path.value_or(std::string(text_of(block, kName)));
  const std::string_view prefix = text_of(block, kPrefix);
  if (!pax_.path && !prefix.empty()) path = std::string(prefix) + "/" + path;
  entry_ = Entry{};
  DRKIT_ASSIGN(entry_.path, clean_relative_path(path));
  entry_.type = *kind;
  entry_.mode = static_cast<std::uint32_t>(*mode & 07777);
  entry_.uid = static_cast<std::uint32_t>(pax_.uid.value_or(*uid));
  entry_.gid = static_cast<std::uint32_t>(pax_.gid.value_or(*gid));
  constexpr std::uint64_t kMaxSeconds = 1ULL << 33;
  entry_.mtime_ns = pax_.mtime_ns.value_or(static_cast<std::int64_t>(std::min(*mtime, kMaxSeconds)) * kNsPerSecond);
  entry_.size_bytes = size;
  if (*kind == EntryType::symlink || *kind == EntryType::hardlink) {
    entry_.link_target = pax_.link.value_or(std::string(text_of(block, kLink)));
    if (entry_.link_target.empty()) return corrupt("tar member is a link to nothing");
  }
  return {};
}

// Records are "LENGTH KEY=VALUE\n", where LENGTH counts the whole record.
Result<void> TarReader::parse_pax(std::string_view records) {
  while (!records.empty()) {
    const auto space = records.find(' ');
    const auto length = decimal<std::size_t>(records.substr(0, space));
    if (!length || space == std::string_view::npos || *length <= space + 1 || *length > records.size() ||
        records[*length - 1] != '\n') {
      return corrupt("tar header extension is malformed");
    }
    const std::string_view record = records.substr(space + 1, *length - space - 2);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) return corrupt("tar header extension is malformed");
    DRKIT_TRY(apply_pax(record.substr(0, equals), record.substr(equals + 1)));
    records.remove_prefix(*length);
  }
  return {};
}

Result<void> TarReader::apply_pax(std::string_view key, std::string_view value) {
  if (key == "path") pax_.path = value;
  if (key == "linkpath") pax_.link = value;
  const bool number = key == "size" || key == "uid" || key == "gid";
  if (number) {
    const auto parsed = decimal<std::uint64_t>(value);
    if (!parsed) return corrupt("tar header extension has a malformed number");
    (key == "size" ? pax_.size : key == "uid" ? pax_.uid : pax_.gid) = *parsed;
  }
  if (key == "mtime") {
    pax_.mtime_ns = pax_time_ns(value);
    if (!pax_.mtime_ns) return corrupt("tar header extension has a malformed time");
  }
  return {};
}

Result<void> TarReader::finish() const {
  const bool at_border = state_ == State::header && block_filled_ == 0 && !pax_.path && !pax_.size;
  if (state_ == State::done || at_border) return {};
  return corrupt("the archive ends in the middle of a member");
}

}  // namespace drkit::systems::postgres
