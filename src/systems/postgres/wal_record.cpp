#include "systems/postgres/wal_record.hpp"

#include <algorithm>
#include <cstring>

namespace drkit::systems::postgres {
namespace {

// src/include/access/rmgrlist.h, xact.h, pg_control.h
constexpr std::uint8_t kXlogManager = 0, kTransactionManager = 1;
constexpr std::uint8_t kSwitch = 0x40, kRestorePoint = 0x70;
constexpr std::uint8_t kCommit = 0x00, kAbort = 0x20, kCommitPrepared = 0x30, kAbortPrepared = 0x40;
constexpr std::uint8_t kOperation = 0x70, kHasInfo = 0x80;
constexpr std::size_t kRestorePointName = 64;
constexpr std::int64_t kEpochDifference = 946'684'800'000'000;

// Reads what follows in a record and never past its end.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}
  template <class Number>
  Number take() {
    Number value{};
    if (left() < sizeof value) {
      ok_ = false;
      position_ = bytes_.size();
      return value;
    }
    std::memcpy(&value, bytes_.data() + position_, sizeof value);
    position_ += sizeof value;
    return value;
  }
  void skip(std::uint64_t count) {
    if (count > left()) ok_ = false;
    position_ += static_cast<std::size_t>(std::min<std::uint64_t>(count, left()));
  }
  void skip_list(std::size_t item_bytes) { skip(std::uint64_t{take<std::uint32_t>()} * item_bytes); }
  std::size_t left() const { return bytes_.size() - position_; }
  bool ok() const { return ok_; }

 private:
  ByteView bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

// The main data of records without blocks, which are all that matter here. Empty for others.
ByteView main_data(ByteView record) {
  constexpr std::uint8_t kShort = 255, kLong = 254, kOrigin = 253, kTopLevel = 252;
  Cursor in(record.subspan(kRecordHeader));
  for (;;) {
    std::uint64_t length = 0;
    switch (in.take<std::uint8_t>()) {
      case kOrigin:
        in.skip(2);
        continue;
      case kTopLevel:
        in.skip(4);
        continue;
      case kShort:
        length = in.take<std::uint8_t>();
        break;
      case kLong:
        length = in.take<std::uint32_t>();
        break;
      default:
        return {};
    }
    return in.ok() && length == in.left() ? record.last(static_cast<std::size_t>(length)) : ByteView{};
  }
}

// Who ends a prepared transaction is another one: the record's own number is not that of the one that ended.
std::uint32_t prepared_xid(ByteView data, bool commit) {
  constexpr std::uint32_t kDatabase = 1, kChildren = 2, kFiles = 4, kMessages = 8, kTwoPhase = 16, kStatistics = 256;
  Cursor in(data);
  in.skip(8);
  const auto info = in.take<std::uint32_t>();
  if ((info & kTwoPhase) == 0) return 0;
  if ((info & kDatabase) != 0) in.skip(8);
  if ((info & kChildren) != 0) in.skip_list(4);
  if ((info & kFiles) != 0) in.skip_list(12);
  // The size of these changed from release to release.
  if ((info & kStatistics) != 0) return 0;
  if (commit && (info & kMessages) != 0) in.skip_list(16);
  const auto xid = in.take<std::uint32_t>();
  return in.ok() ? xid : 0;
}

std::optional<WalMark> transaction_mark(std::uint8_t info, ByteView record) {
  const std::uint8_t operation = info & kOperation;
  const bool prepared = operation == kCommitPrepared || operation == kAbortPrepared;
  const bool commit = operation == kCommit || operation == kCommitPrepared;
  if (!commit && operation != kAbort && operation != kAbortPrepared) return std::nullopt;
  const ByteView data = main_data(record);
  if (data.size() < 8) return std::nullopt;
  WalMark mark;
  mark.kind = commit ? WalMark::Kind::commit : WalMark::Kind::abort;
  mark.time_ns = wall_ns_of_server(Cursor(data).take<std::int64_t>());
  mark.xid = Cursor(record.subspan(4)).take<std::uint32_t>();
  if (prepared && (info & kHasInfo) != 0) mark.xid = prepared_xid(data, commit);
  return mark;
}

std::optional<WalMark> restore_point_mark(ByteView record) {
  const ByteView data = main_data(record);
  if (data.size() < 8 + kRestorePointName) return std::nullopt;
  WalMark mark;
  mark.kind = WalMark::Kind::restore_point;
  mark.time_ns = wall_ns_of_server(Cursor(data).take<std::int64_t>());
  const std::string_view name = as_text(data.subspan(8, kRestorePointName));
  mark.name = std::string(name.substr(0, name.find('\0')));
  return mark;
}

}  // namespace

std::optional<WalMark> mark_of_record(ByteView record) {
  const auto info = static_cast<std::uint8_t>(record[16]), manager = static_cast<std::uint8_t>(record[17]);
  if (manager == kTransactionManager) return transaction_mark(info, record);
  if (manager == kXlogManager && (info & 0xF0) == kRestorePoint) return restore_point_mark(record);
  return std::nullopt;
}

bool is_switch_record(ByteView record) {
  return static_cast<std::uint8_t>(record[17]) == kXlogManager &&
         (static_cast<std::uint8_t>(record[16]) & 0xF0) == kSwitch;
}

std::int64_t wall_ns_of_server(std::int64_t microseconds) {
  // Far out of range only in bytes that are no log; they must not overflow.
  constexpr std::int64_t kMost = 9'000'000'000'000'000;
  return (std::clamp(microseconds, -kMost, kMost - kEpochDifference) + kEpochDifference) * 1000;
}

std::int64_t server_time_of_wall(std::int64_t wall_ns) { return wall_ns / 1000 - kEpochDifference; }

}  // namespace drkit::systems::postgres
