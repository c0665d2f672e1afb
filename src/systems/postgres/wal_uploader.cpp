#include "systems/postgres/wal_uploader.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "systems/postgres/wal_segment.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kFullLimit = 2;    ///< segments that wait to be stored
constexpr std::size_t kMergeCount = 16;  ///< pieces of a level that become one of the next
constexpr Lsn kMostMerged = 1 << 20;     ///< larger ones are few enough as they are, and dear to rewrite
using std::chrono::steady_clock;

}  // namespace

WalUploader::WalUploader(const Context& ctx, const WalArchive& archive, UploadStart start,
                         const WalReceiveOptions& options, int wake_fd)
    : ctx_(ctx),
      archive_(archive),
      start_(std::move(start)),
      synchronous_(options.synchronous),
      store_every_(options.store_every),
      wake_fd_(wake_fd),
      received_(start_.start),
      durable_(start_.start) {
  // What was received is stored also when the caller cancels receiving.
  ctx_.cancel = CancelToken();
  open_.push_back(make_segment(start_.start));
  open_.back()->known = start_.known;
  piece_thread_ = std::thread([this] { run_pieces(); });
  segment_thread_ = std::thread([this] { run_segments(); });
}

WalUploader::~WalUploader() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    if (!error_) error_ = Error(ErrorCode::cancelled, "given up");
  }
  changed_.notify_all();
  if (piece_thread_.joinable()) piece_thread_.join();
  if (segment_thread_.joinable()) segment_thread_.join();
}

WalUploader::SegmentPtr WalUploader::make_segment(Lsn start) const {
  auto segment = std::make_shared<Segment>();
  segment->start = start;
  segment->piece_end = start;
  segment->bytes.resize(static_cast<std::size_t>(start_.segment_bytes));
  return segment;
}

WalName WalUploader::name_of(WalKind kind, Lsn start, Lsn end) const {
  return {kind, start_.system_id, start_.timeline, start, end};
}

void WalUploader::wake() const {
  const std::uint64_t one = 1;
  // A counter that is full is readable, which is all that is wanted.
  if (::write(wake_fd_, &one, sizeof one) < 0) return;
}

void WalUploader::fail(Error error) {
  {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  changed_.notify_all();
  wake();
}

Result<void> WalUploader::state() const {
  const std::lock_guard lock(mutex_);
  return error_ ? Result<void>(*error_) : Result<void>();
}
Lsn WalUploader::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}
Lsn WalUploader::durable() const {
  const std::lock_guard lock(mutex_);
  return durable_;
}
bool WalUploader::is_full() const {
  const std::lock_guard lock(mutex_);
  return open_.size() > kFullLimit;
}

Result<void> WalUploader::append(Lsn at, ByteView bytes) {
  Lock lock(mutex_);
  if (at > received_) return Error(ErrorCode::corrupt, "the server left out a part of the log");
  if (at + bytes.size() <= received_) return {};
  bytes = bytes.subspan(static_cast<std::size_t>(received_ - at));
  while (!bytes.empty()) {
    changed_.wait(lock, [&] { return error_ || open_.size() <= kFullLimit; });
    if (error_) return *error_;
    Segment& growing = *open_.back();
    const std::size_t count = std::min(bytes.size(), growing.bytes.size() - growing.filled);
    std::memcpy(growing.bytes.data() + growing.filled, bytes.data(), count);
    if (growing.start + growing.filled == growing.piece_end) waiting_since_ = steady_clock::now();
    growing.filled += count;
    received_ += count;
    bytes = bytes.subspan(count);
    if (growing.filled == growing.bytes.size()) open_.push_back(make_segment(received_));
    changed_.notify_all();
  }
  return {};
}

// Everything before durable_ is stored, in whatever form. REQUIRES: the lock.
void WalUploader::advance() {
  for (const SegmentPtr& segment : open_) {
    if (segment->start > durable_) break;
    durable_ = std::max(durable_, segment->stored ? segment->start + start_.segment_bytes : segment->piece_end);
  }
  while (open_.size() > 1 && open_.front()->stored) open_.pop_front();
}

// Without haste a full segment is stored whole by the other thread. Pieces that the repository has are compared first,
// once the server has sent as much again.
bool WalUploader::wants_piece(const Segment& segment) const {
  const Lsn filled = segment.start + segment.filled;
  const bool full = segment.filled == segment.bytes.size();
  if (segment.stored || filled == segment.piece_end || (full && !synchronous_)) return false;
  return segment.known.empty() || segment.known.back().end <= filled;
}

// The oldest segment with bytes in no object yet. Waits until it is time for a piece; null at the end.
WalUploader::SegmentPtr WalUploader::next_for_piece(Lock& lock, Lsn& from, Lsn& to) {
  for (;;) {
    if (error_) return nullptr;
    const auto found =
        std::find_if(open_.begin(), open_.end(), [this](const auto& each) { return wants_piece(*each); });
    if (found == open_.end() && finishing_) return nullptr;
    // Nothing is stored ahead of what comes before it: whoever goes on after a kill looks at the end alone.
    if (found == open_.end() || (*found)->start > durable_) {
      changed_.wait(lock);
      continue;
    }
    const auto due = waiting_since_ + store_every_;
    if (!synchronous_ && !finishing_ && steady_clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    from = (*found)->piece_end;
    to = (*found)->start + (*found)->filled;
    (*found)->in_work = true;
    return *found;
  }
}

void WalUploader::run_pieces() {
  Lock lock(mutex_);
  Lsn from = 0, to = 0;
  while (const SegmentPtr segment = next_for_piece(lock, from, to)) {
    lock.unlock();
    const Result<void> stored = store_piece(*segment, from, to);
    lock.lock();
    segment->in_work = false;
    if (!stored) {
      lock.unlock();
      fail(stored.error());
      return;
    }
    waiting_since_ = steady_clock::now();
    advance();
    changed_.notify_all();
    wake();
  }
}

Result<void> WalUploader::compare_known(Segment& segment, std::size_t filled) {
  for (const WalName& name : segment.known) {
    const auto offset = static_cast<std::size_t>(name.start - segment.start);
    const auto count = static_cast<std::size_t>(name.end - name.start);
    if (offset + count > filled) return Error(ErrorCode::internal, "a piece is compared before it was received");
    DRKIT_ASSIGN(const bool equal, archive_.same(ctx_, name, ByteView(segment.bytes).subspan(offset, count)));
    if (!equal) {
      return Error(ErrorCode::already_exists, "the server sends other bytes than the repository holds")
          .with("lsn", format_lsn(name.start));
    }
    segment.pieces.push_back({name, 0});
  }
  return {};
}

Result<void> WalUploader::store_piece(Segment& segment, Lsn from, Lsn to) {
  if (!segment.known.empty()) {
    DRKIT_TRY(compare_known(segment, static_cast<std::size_t>(to - segment.start)));
    from = std::max(from, segment.known.back().end);
    segment.known.clear();
  }
  if (from < to) {
    const WalName name = name_of(WalKind::piece, from, to);
    const ByteView bytes =
        ByteView(segment.bytes)
            .subspan(static_cast<std::size_t>(from - segment.start), static_cast<std::size_t>(to - from));
    DRKIT_TRY(archive_.put(ctx_, name, bytes));
    ++pieces_;
    segment.pieces.push_back({name, 0});
  }
  {
    const std::lock_guard lock(mutex_);
    segment.piece_end = to;
  }
  return merge(segment);
}

// Every byte is rewritten once a level at most, so a segment written one commit at a time stays cheap to read.
Result<void> WalUploader::merge(Segment& segment) {
  for (;;) {
    std::vector<Piece>& pieces = segment.pieces;
    if (pieces.size() < kMergeCount) return {};
    const auto first = pieces.end() - static_cast<std::ptrdiff_t>(kMergeCount);
    const unsigned level = pieces.back().level;
    if (std::any_of(first, pieces.end(), [&](const Piece& piece) { return piece.level != level; })) return {};
    if (pieces.back().name.end - first->name.start > kMostMerged) return {};
    const WalName merged = name_of(WalKind::piece, first->name.start, pieces.back().name.end);
    const ByteView bytes = ByteView(segment.bytes)
                               .subspan(static_cast<std::size_t>(merged.start - segment.start),
                                        static_cast<std::size_t>(merged.end - merged.start));
    DRKIT_TRY(archive_.put(ctx_, merged, bytes));
    DRKIT_TRY(drop({first, pieces.end()}));
    pieces.erase(first, pieces.end());
    pieces.push_back({merged, level + 1});
  }
}

// A storage that never removes keeps them: they are in nobody's way.
Result<void> WalUploader::drop(const std::vector<Piece>& pieces) {
  for (const Piece& piece : pieces) {
    const auto removed = archive_.remove_piece(ctx_, piece.name);
    if (removed) continue;
    if (removed.error().code() != ErrorCode::permission_denied) return removed.error();
    return {};
  }
  return {};
}

Result<void> WalUploader::store_segment(Segment& segment) {
  DRKIT_ASSIGN(const WalFacts facts, facts_of_segment(segment.bytes));
  const WalName name = name_of(WalKind::segment, segment.start, segment.start + start_.segment_bytes);
  if (!segment.known.empty()) DRKIT_TRY(compare_known(segment, segment.filled));
  segment.known.clear();
  DRKIT_TRY(archive_.put(ctx_, name, segment.bytes, facts));
  ++segments_;
  return drop(segment.pieces);
}

void WalUploader::run_segments() {
  Lock lock(mutex_);
  for (;;) {
    const auto ready = [&] { return open_.size() > 1 && !open_.front()->in_work; };
    changed_.wait(lock, [&] { return error_ || ready() || (finishing_ && open_.size() <= 1); });
    if (error_ || !ready()) return;
    const SegmentPtr segment = open_.front();
    // In haste its last piece goes first: commits wait for it.
    if (synchronous_ && segment->piece_end < segment->start + segment->filled) {
      changed_.wait(lock);
      continue;
    }
    segment->in_work = true;
    lock.unlock();
    const Result<void> stored = store_segment(*segment);
    lock.lock();
    segment->in_work = false;
    if (!stored) {
      lock.unlock();
      fail(stored.error());
      return;
    }
    segment->stored = true;
    advance();
    changed_.notify_all();
    wake();
  }
}

Result<void> WalUploader::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  changed_.notify_all();
  if (piece_thread_.joinable()) piece_thread_.join();
  if (segment_thread_.joinable()) segment_thread_.join();
  return state();
}

}  // namespace drkit::systems::postgres
