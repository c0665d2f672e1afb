#include "systems/postgres/wal_segment.hpp"

#include <algorithm>
#include <cstring>

#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/wal_record.hpp"

namespace drkit::systems::postgres {
namespace {

// src/include/access/xlog_internal.h
constexpr std::size_t kShortHeader = 24, kLongHeader = 40;
constexpr std::uint16_t kContinues = 1, kIsLong = 2, kOverwrites = 8;
constexpr std::uint32_t kMaxRecordBytes = 1U << 30;
constexpr std::size_t kMaxRestorePoints = 200;

template <class Number>
Number load(ByteView bytes, std::size_t offset) {
  Number value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::size_t aligned(std::size_t position) { return (position + 7) & ~std::size_t{7}; }

// Records lie one after the other through pages whose headers are not part of them.
class Walker {
 public:
  Walker(ByteView bytes, const WalPageHeader& first, Lsn border = ~Lsn{0})
      : bytes_(bytes), first_(first), border_(border) {}

  Result<WalScan> run(const std::function<bool(const WalMark&)>& visit);

 private:
  enum class Step : std::uint8_t { record, abandoned, end, cut };

  bool enter_page(std::size_t page);
  bool skip_continuation(bool& cut);
  Step next();
  Step gather(std::size_t at, std::uint32_t total);
  bool is_sound() const;
  Lsn address(std::size_t at) const { return first_.address + at; }

  ByteView bytes_;
  WalPageHeader first_;
  Lsn border_;                ///< no record from here on
  std::size_t position_ = 0;  ///< of the next record
  std::size_t start_ = 0;     ///< of the current one
  std::size_t header_bytes_ = 0;
  std::uint32_t remaining_ = 0;  ///< of a record from the page before
  bool continues_ = false;
  bool overwrites_ = false;  ///< the page follows a record that a crash left unfinished
  ByteView record_;
  Bytes gathered_;
};

// False when the page is not the one that belongs here: the log ended before it.
bool Walker::enter_page(std::size_t page) {
  if (page + kLongHeader > bytes_.size()) return false;
  const ByteView header = bytes_.subspan(page);
  const auto info = load<std::uint16_t>(header, 2);
  if (load<std::uint16_t>(header, 0) != first_.magic || load<std::uint64_t>(header, 8) != address(page)) return false;
  const bool at_segment = address(page) % first_.segment_bytes == 0;
  if (((info & kIsLong) != 0) != at_segment) return false;
  header_bytes_ = at_segment ? kLongHeader : kShortHeader;
  continues_ = (info & kContinues) != 0;
  overwrites_ = (info & kOverwrites) != 0;
  remaining_ = load<std::uint32_t>(header, 16);
  return true;
}

// False when the first record does not begin in these bytes; `cut` when that is because the bytes end before it.
bool Walker::skip_continuation(bool& cut) {
  std::size_t page = 0;
  if (!enter_page(page)) return false;
  std::size_t left = continues_ ? remaining_ : 0;
  while (header_bytes_ + left > first_.block_bytes) {
    left -= first_.block_bytes - header_bytes_;
    page += first_.block_bytes;
    cut = page + kLongHeader > bytes_.size();
    if (cut || !enter_page(page)) return false;
  }
  position_ = aligned(page + header_bytes_ + left);
  return true;
}

Walker::Step Walker::gather(std::size_t at, std::uint32_t total) {
  const std::size_t page_left = first_.block_bytes - at % first_.block_bytes;
  if (total <= page_left) {
    if (at + total > bytes_.size()) return Step::cut;
    record_ = bytes_.subspan(at, total);
    position_ = aligned(at + total);
    return Step::record;
  }
  gathered_.assign(bytes_.begin() + static_cast<std::ptrdiff_t>(at),
                   bytes_.begin() + static_cast<std::ptrdiff_t>(std::min(at + page_left, bytes_.size())));
  std::size_t page = at + page_left;
  while (gathered_.size() < total) {
    if (page + kLongHeader > bytes_.size()) return Step::cut;
    if (!enter_page(page)) return Step::end;
    if (overwrites_) {
      position_ = page;
      return Step::abandoned;
    }
    if (!continues_ || remaining_ != total - gathered_.size()) return Step::end;
    const std::size_t count = std::min<std::size_t>(first_.block_bytes - header_bytes_, remaining_);
    const std::size_t from = page + header_bytes_;
    if (from + count > bytes_.size()) return Step::cut;
    const ByteView part = bytes_.subspan(from, count);
    gathered_.insert(gathered_.end(), part.begin(), part.end());
    position_ = aligned(from + count);
    page += first_.block_bytes;
  }
  record_ = gathered_;
  return Step::record;
}

bool Walker::is_sound() const {
  Crc32c crc;
  crc.update(record_.subspan(kRecordHeader));
  crc.update(record_.first(kRecordHeader - 4));
  return crc.value() == load<std::uint32_t>(record_, kRecordHeader - 4);
}

Walker::Step Walker::next() {
  if (position_ % first_.block_bytes == 0) {
    if (position_ + kLongHeader > bytes_.size() || !enter_page(position_)) return Step::end;
    position_ += header_bytes_;
  }
  start_ = position_;
  if (start_ + 4 > bytes_.size()) return Step::end;
  const auto total = load<std::uint32_t>(bytes_, start_);
  if (total < kRecordHeader || total > kMaxRecordBytes) return Step::end;
  const Step step = gather(start_, total);
  if (step != Step::record) return step;
  return is_sound() ? Step::record : Step::end;
}

Result<WalScan> Walker::run(const std::function<bool(const WalMark&)>& visit) {
  WalScan scan;
  scan.end = first_.address;
  if (!skip_continuation(scan.cut)) return scan;
  scan.end = address(position_);
  while (scan.end < border_) {
    const Step step = next();
    scan.cut = step == Step::cut;
    if (step == Step::abandoned) continue;
    if (step != Step::record) break;
    ++scan.records;
    scan.last_start = address(start_);
    if (is_switch_record(record_)) {
      // The rest of this file is padding.
      const std::size_t base = first_.address % first_.segment_bytes;
      position_ = (position_ + base + first_.segment_bytes - 1) / first_.segment_bytes * first_.segment_bytes - base;
    }
    scan.end = address(position_);
    if (auto mark = mark_of_record(record_)) {
      mark->start = address(start_);
      mark->end = scan.end;
      if (!visit(*mark)) break;
    }
  }
  return scan;
}

void count(WalFacts& facts, const WalMark& mark) {
  if (mark.kind == WalMark::Kind::restore_point) {
    if (facts.restore_points.size() < kMaxRestorePoints) {
      facts.restore_points.push_back({mark.name, mark.end, mark.time_ns});
    }
    return;
  }
  if (facts.commits == 0 || mark.time_ns < facts.first_time_ns) facts.first_time_ns = mark.time_ns;
  if (facts.commits == 0 || mark.time_ns > facts.last_time_ns) facts.last_time_ns = mark.time_ns;
  if (mark.xid != 0) {
    facts.min_xid = facts.min_xid == 0 ? mark.xid : std::min(facts.min_xid, mark.xid);
    facts.max_xid = std::max(facts.max_xid, mark.xid);
  }
  ++facts.commits;
}

}  // namespace

Result<WalPageHeader> parse_first_page(ByteView bytes) {
  if (bytes.size() < kLongHeader) return Error(ErrorCode::corrupt, "a file of the log is too short");
  WalPageHeader header;
  header.magic = load<std::uint16_t>(bytes, 0);
  header.timeline = load<std::uint32_t>(bytes, 4);
  header.address = load<std::uint64_t>(bytes, 8);
  header.system_id = load<std::uint64_t>(bytes, 24);
  header.segment_bytes = load<std::uint32_t>(bytes, 32);
  header.block_bytes = load<std::uint32_t>(bytes, 36);
  const bool is_long = (load<std::uint16_t>(bytes, 2) & kIsLong) != 0;
  const bool pages = header.block_bytes >= 1024 && header.block_bytes <= (64U << 10) &&
                     (header.block_bytes & (header.block_bytes - 1)) == 0;
  // Every release has 0xD1xx; an older or newer number inside of it is no reason to refuse to keep the file.
  if (header.magic >> 8 != 0xD1 || !is_long || !pages || !is_wal_segment_size(header.segment_bytes) ||
      header.timeline == 0) {
    return Error(ErrorCode::corrupt, "the file does not begin as a file of the log does");
  }
  if (header.address % header.segment_bytes != 0) {
    return Error(ErrorCode::corrupt, "the file names an impossible position in the log");
  }
  return header;
}

Result<WalScan> scan_wal(ByteView bytes, const std::function<bool(const WalMark&)>& visit) {
  DRKIT_ASSIGN(const WalPageHeader first, parse_first_page(bytes));
  return Walker(bytes, first).run(visit);
}

Result<WalScan> scan_wal_until(ByteView bytes, Lsn border, const std::function<bool(const WalMark&)>& visit) {
  DRKIT_ASSIGN(const WalPageHeader first, parse_first_page(bytes));
  return Walker(bytes, first, border).run(visit);
}

Result<WalFacts> facts_of_segment(ByteView bytes) {
  WalFacts facts;
  DRKIT_TRY(scan_wal(bytes, [&](const WalMark& mark) {
    count(facts, mark);
    return true;
  }));
  return facts;
}

}  // namespace drkit::systems::postgres
