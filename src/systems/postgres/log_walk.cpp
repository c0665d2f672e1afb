#include "systems/postgres/log_walk.hpp"

#include <algorithm>

#include <drkit/wal_files.hpp>

#include "base/ordered_pool.hpp"
#include "systems/postgres/wal_pieces.hpp"
#include "systems/postgres/wal_segment.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr unsigned kThreads = 2;
constexpr std::size_t kAhead = 3;
constexpr std::size_t kLongestHead = 64;

struct Fetched {
  Result<SegmentBytes> segment = SegmentBytes{};
};

bool all_marks(const WalMark&) { return true; }

class Walk {
 public:
  Walk(const Context& ctx, const WalArchive& archive, const WalMap& map, const Path& path, Lsn from, Lsn to)
      : ctx_(ctx), archive_(archive), map_(map), path_(path), from_(from), to_(to) {
    walk_.good_until = from;
  }

  Result<LogWalk> run();

 private:
  std::vector<WalName> segments() const;
  Result<void> take(const WalName& name, SegmentBytes segment);
  Result<bool> join(const WalName& name, const SegmentBytes& segment);
  Result<void> scan(const WalName& name, const SegmentBytes& segment);
  void stop(const WalName& name, Lsn at, std::string problem);
  std::string file_of(const WalName& name) const { return wal_file_of(name, map_.segment_bytes()); }

  const Context& ctx_;
  const WalArchive& archive_;
  const WalMap& map_;
  const Path& path_;
  const Lsn from_, to_;
  LogWalk walk_;
  Bytes before_;  ///< the segment before this one, when a record lies over the border
};

// Each once, though several pieces of it may be stored.
std::vector<WalName> Walk::segments() const {
  const std::uint64_t size = map_.segment_bytes();
  std::vector<WalName> names;
  for (const WalName& object : map_.objects_between(path_, from_, to_)) {
    const Lsn start = object.start / size * size;
    const WalName name{WalKind::segment, object.system_id, object.timeline, start, start + size};
    if (names.empty() || !(names.back() == name)) names.push_back(name);
  }
  return names;
}

void Walk::stop(const WalName& name, Lsn at, std::string problem) {
  walk_.good_until = at;
  walk_.damaged = name;
  walk_.problem = std::move(problem);
}

// The record that began in the segment before must end here. True when nothing else is in this segment.
Result<bool> Walk::join(const WalName& name, const SegmentBytes& segment) {
  if (before_.empty()) return false;
  before_.insert(before_.end(), segment.bytes.begin(), segment.bytes.end());
  const auto over = scan_wal_until(before_, name.start, all_marks);
  before_.clear();
  DRKIT_TRY(over);
  const bool broken = !over->cut && over->end < name.start;
  if (broken && over->end >= from_) {
    stop(name, over->end,
         "the record at " + format_lsn(over->end) + " does not go on in " + file_of(name) +
             ": this is not what the server wrote there");
  }
  return over->end >= name.end;
}

Result<void> Walk::scan(const WalName& name, const SegmentBytes& segment) {
  const std::size_t known = segment.whole ? segment.bytes.size() : static_cast<std::size_t>(segment.end - name.start);
  const auto scanned = scan_wal(ByteView(segment.bytes).first(known), all_marks);
  if (!scanned) return scanned.error();
  const Lsn limit = std::min(to_, segment.end);
  // What still grows may end in the head of a record or of a page.
  const bool cut = scanned->cut || (!segment.whole && scanned->end + kLongestHead >= segment.end);
  if (!cut && scanned->end < limit && scanned->end >= from_) {
    stop(name, scanned->end,
         "the log breaks off at " + format_lsn(scanned->end) + " in the middle of " + file_of(name));
  }
  if (scanned->records > 0 && scanned->last_start < limit) walk_.last_record = scanned->last_start;
  if (scanned->cut) before_ = segment.bytes;
  return {};
}

Result<void> Walk::take(const WalName& name, SegmentBytes segment) {
  ++walk_.objects;
  walk_.bytes += segment.end - name.start;
  DRKIT_ASSIGN(const bool filled, join(name, segment));
  if (walk_.problem.empty() && !filled) DRKIT_TRY(scan(name, segment));
  if (walk_.problem.empty()) walk_.good_until = std::min(to_, segment.end);
  return {};
}

Result<LogWalk> Walk::run() {
  const std::vector<WalName> names = segments();
  base::OrderedPool<WalName, Fetched> pool(
      kThreads, kAhead, [&](unsigned, WalName&& name) { return Fetched{read_segment(ctx_, archive_, name)}; });
  std::size_t asked = 0;
  for (const WalName& name : names) {
    DRKIT_TRY(ctx_.check_cancelled());
    while (asked < names.size() && !pool.full()) pool.push(names[asked++]);
    Fetched fetched = std::move(*pool.pop(true));
    const auto taken =
        fetched.segment ? take(name, std::move(*fetched.segment)) : Result<void>(fetched.segment.error());
    if (!taken && taken.error().code() != ErrorCode::corrupt && taken.error().code() != ErrorCode::not_found) {
      return taken.error();
    }
    if (!taken) stop(name, std::max(from_, name.start), file_of(name) + ": " + taken.error().to_string());
    if (!walk_.problem.empty()) return std::move(walk_);
  }
  return std::move(walk_);
}

}  // namespace

Result<LogWalk> walk_log(const Context& ctx, const WalArchive& archive, const WalMap& map, const Path& path, Lsn from,
                         Lsn to) {
  return Walk(ctx, archive, map, path, from, to).run();
}

}  // namespace drkit::systems::postgres
