#include "systems/postgres/log_origin.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include <drkit/pitr.hpp>
#include <drkit/restore.hpp>

#include "systems/postgres/wal_pieces.hpp"
#include "systems/postgres/wal_record.hpp"

namespace drkit::systems::postgres {
namespace {

class SegmentSink final : public Sink {
 public:
  explicit SegmentSink(std::uint64_t size) : bytes(static_cast<std::size_t>(size)) {}
  Result<void> write_at(const Context&, std::uint64_t offset, ByteView data) override {
    if (offset > bytes.size() || data.size() > bytes.size() - offset) {
      return Error(ErrorCode::corrupt, "a segment of the snapshot is larger than its entry says");
    }
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<void> close(const Context&) override { return {}; }
  Bytes bytes;
};

bool says_nothing(const Error& error) {
  return error.code() == ErrorCode::not_found || error.code() == ErrorCode::corrupt ||
         error.code() == ErrorCode::unavailable;
}

class Origin {
 public:
  Origin(const Context& ctx, const Repository& repository, const BasePoint& point,
         const std::vector<TimelineId>& timelines)
      : ctx_(ctx), repository_(repository), archive_(repository), point_(point), timelines_(timelines) {}

  Result<LogOrigin> compare_all() const;

 private:
  Result<std::optional<Bytes>> own(TimelineId timeline, Lsn start) const;
  Result<std::optional<SegmentBytes>> stored(Lsn start) const;
  Result<std::string> compare(TimelineId own_timeline, Lsn start, bool& held) const;
  Result<std::string> find_checkpoint() const;
  std::string words(const std::string& what) const {
    return "the log in the repository is not this snapshot's: " + what +
           "; they are two branches of history under one timeline, as when a copy was started without recovery";
  }

  const Context& ctx_;
  const Repository& repository_;
  const WalArchive archive_;
  const BasePoint& point_;
  const std::vector<TimelineId>& timelines_;
};

// Null when the snapshot does not hold it whole.
Result<std::optional<Bytes>> Origin::own(TimelineId timeline, Lsn start) const {
  const std::uint64_t size = point_.segment_bytes;
  const std::string file = "pg_wal/" + wal_file_name({timeline, start / size}, size);
  bool held = false;
  const auto listed = list_entries(ctx_, repository_, point_.snapshot, file, [&](const Entry& entry) {
    held = entry.path == file && entry.size_bytes == size && !entry.problem;
    return false;
  });
  if (!listed && !says_nothing(listed.error())) return listed.error();
  if (!held) return std::optional<Bytes>();
  SegmentSink sink(size);
  const auto read = read_entry(ctx_, repository_, point_.snapshot, file, sink);
  if (!read && !says_nothing(read.error())) return read.error();
  return read ? std::optional(std::move(sink.bytes)) : std::nullopt;
}

Result<std::optional<SegmentBytes>> Origin::stored(Lsn start) const {
  for (const TimelineId timeline : timelines_) {
    auto segment = read_segment(ctx_, archive_,
                                {WalKind::segment, point_.system_id, timeline, start, start + point_.segment_bytes});
    if (segment) return std::optional(std::move(*segment));
    if (!says_nothing(segment.error())) return std::move(segment).error();
  }
  return std::optional<SegmentBytes>();
}

Result<std::string> Origin::compare(TimelineId own_timeline, Lsn start, bool& held) const {
  DRKIT_ASSIGN(const auto mine, own(own_timeline, start));
  held = held || mine.has_value();
  if (!mine) return std::string();
  DRKIT_ASSIGN(const auto theirs, stored(start));
  if (!theirs) return std::string();
  const Lsn end = std::min(theirs->end, point_.end_lsn);
  if (end <= start) return std::string();
  const auto count = static_cast<std::ptrdiff_t>(std::min(end - start, point_.segment_bytes));
  const auto differ = std::mismatch(mine->begin(), mine->begin() + count, theirs->bytes.begin());
  if (differ.first == mine->begin() + count) return std::string();
  const Lsn at = start + static_cast<Lsn>(differ.first - mine->begin());
  return words("from " + format_lsn(at) + " on it holds other bytes than snapshot " + point_.snapshot.id.substr(0, 8) +
               ", which ends at " + format_lsn(point_.end_lsn));
}

// A record of XLOG_CHECKPOINT_SHUTDOWN or _ONLINE begins with where its redo begins.
Result<std::string> Origin::find_checkpoint() const {
  constexpr std::size_t kManagerAt = 17, kInfoAt = 16, kRedoAt = kRecordHeader + 2, kPage = 8192;
  const Lsn at = point_.checkpoint_lsn;
  const Lsn start = at / point_.segment_bytes * point_.segment_bytes;
  const auto offset = static_cast<std::size_t>(at - start);
  if (at == 0 || offset % kPage + kRedoAt + sizeof(Lsn) > kPage) return std::string();
  DRKIT_ASSIGN(const auto theirs, stored(start));
  if (!theirs || theirs->end < at + kRedoAt + sizeof(Lsn)) return std::string();
  const std::byte* record = theirs->bytes.data() + offset;
  Lsn redo = 0;
  std::memcpy(&redo, record + kRedoAt, sizeof redo);
  const auto info = std::to_integer<unsigned>(record[kInfoAt]) & 0xF0U;
  if (record[kManagerAt] == std::byte{0} && info <= 0x10 && redo == point_.start_lsn) return std::string();
  return words("it does not hold the checkpoint of snapshot " + point_.snapshot.id.substr(0, 8) + " at " +
               format_lsn(at));
}

Result<LogOrigin> Origin::compare_all() const {
  const std::uint64_t size = point_.segment_bytes;
  LogOrigin origin;
  if (!is_wal_segment_size(size) || point_.end_lsn <= point_.start_lsn) return origin;
  const Lsn last = (point_.end_lsn - 1) / size * size;
  DRKIT_ASSIGN(origin.different, compare(point_.timeline, last, origin.holds_log));
  const Lsn first = point_.checkpoint_lsn / size * size;
  if (origin.different.empty() && point_.checkpoint_lsn != 0 && first != last) {
    DRKIT_ASSIGN(origin.different, compare(point_.start_timeline, first, origin.holds_log));
  }
  if (!origin.holds_log) {
    DRKIT_ASSIGN(origin.different, find_checkpoint());
  }
  return origin;
}

}  // namespace

Result<LogOrigin> compare_origin(const Context& ctx, const Repository& repository, const BasePoint& point,
                                 const std::vector<TimelineId>& timelines) {
  return Origin(ctx, repository, point, timelines).compare_all();
}

std::vector<TimelineId> timelines_through(const WalMap& map, const BasePoint& point) {
  std::vector<TimelineId> timelines{point.timeline};
  for (const auto& [id, timeline] : map.timelines()) {
    const auto path = map.path_to(id);
    if (id != point.timeline && path && lies_on(point, *path)) timelines.push_back(id);
  }
  return timelines;
}

}  // namespace drkit::systems::postgres

namespace drkit {

Result<std::string> compare_with_log(const Context& ctx, const Repository& repository, const Snapshot& snapshot) {
  using namespace systems::postgres;
  if (repository.role() != KeyRole::full) {
    return Error(ErrorCode::permission_denied, "this key may not read what snapshots say about the log");
  }
  const auto point = base_point_of(snapshot);
  if (!point) return std::string();
  DRKIT_ASSIGN(LogOrigin origin, compare_origin(ctx, repository, *point, {point->timeline}));
  return std::move(origin.different);
}

}  // namespace drkit
