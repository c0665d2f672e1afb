#include "systems/postgres/wal_uploader.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/large_bytes.hpp"
#include "systems/postgres/wal_segment.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kFullLimit = 2;  ///< segments that wait to be stored

constexpr Lsn kMostWaiting = 1 << 20;  ///< a stream that never pauses is told of its progress, too

constexpr std::chrono::milliseconds kPoll{50};

}  // namespace

WalUploader::WalUploader(const Context& ctx, const WalArchive& archive, UploadStart start,
                         const WalReceiveOptions& options, int wake_fd)
    : ctx_(ctx),
      caller_(ctx.cancel),
      archive_(archive, options.durable == WalDurable::spool && options.reconnect),
      start_(std::move(start)),
      synchronous_(options.synchronous),
      in_pieces_(options.synchronous || (options.durable == WalDurable::storage && options.store_bytes != 0 &&
                                         options.store_bytes < start_.segment_bytes)),
      store_every_(options.store_every),
      store_bytes_(in_pieces_ && options.store_bytes != 0 ? options.store_bytes : start_.segment_bytes),
      wake_fd_(wake_fd),
      received_(start_.start),
      durable_(start_.start) {
  // What was received is stored also when the caller cancels receiving.
  ctx_.cancel = CancelToken();
  open_.push_back(make_segment(start_.start));
  open_.back()->known = start_.known;
  piece_thread_ = std::thread([this] { run_pieces(), end_thread(); });
  segment_thread_ = std::thread([this] { run_segments(), end_thread(); });
}

WalUploader::~WalUploader() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    if (!error_) error_ = Error(ErrorCode::cancelled, "given up");
  }
  ctx_.cancel.cancel();
  wake_all();
  if (piece_thread_.joinable()) piece_thread_.join();
  if (segment_thread_.joinable()) segment_thread_.join();
}

WalUploader::SegmentPtr WalUploader::make_segment(Lsn start) const {
  auto segment = std::make_shared<Segment>();
  segment->start = start;
  segment->piece_end = start;
  base::reserve_large(segment->bytes, static_cast<std::size_t>(start_.segment_bytes));
  segment->bytes.resize(static_cast<std::size_t>(start_.segment_bytes));
  return segment;
}

WalName WalUploader::name_of(WalKind kind, Lsn start, Lsn end) const {
  return {kind, start_.system_id, start_.timeline, start, end};
}

ByteView WalUploader::bytes_of(const Segment& segment, Lsn from, Lsn to) const {
  return ByteView(segment.bytes)
      .subspan(static_cast<std::size_t>(from - segment.start), static_cast<std::size_t>(to - from));
}

void WalUploader::wake() const {
  const std::uint64_t one = 1;
  // A counter that is full is readable, which is all that is wanted.
  if (::write(wake_fd_, &one, sizeof one) < 0) return;
}

void WalUploader::wake_all() {
  changed_.notify_all();
  work_of_segments_.notify_all();
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

// REQUIRES: the lock.
Result<void> WalUploader::check_joined(Lsn at) const {
  if (at > received_) return Error(ErrorCode::corrupt, "the server left out a part of the log");
  return error_ ? Result<void>(*error_) : Result<void>();
}

// As much as the growing segment has room for. REQUIRES: the lock.
void WalUploader::take_in(ByteView& bytes) {
  Segment& growing = *open_.back();
  const std::size_t count = std::min(bytes.size(), growing.bytes.size() - growing.filled);
  std::memcpy(growing.bytes.data() + growing.filled, bytes.data(), count);
  if (!growing.waiting_since) growing.waiting_since = ctx_.clock->steady();
  growing.filled += count;
  received_ += count;
  bytes = bytes.subspan(count);
  if (growing.filled == growing.bytes.size()) {
    open_.push_back(make_segment(received_));
    tail_goes_on_ = false;
    work_of_segments_.notify_one();
  }
  if (!tail_goes_on_) changed_.notify_all();
}

Result<void> WalUploader::append(Lsn at, ByteView bytes) {
  Lock lock(mutex_);
  DRKIT_TRY(check_joined(at));
  bytes = bytes.subspan(static_cast<std::size_t>(std::min<Lsn>(received_ - at, bytes.size())));
  while (!bytes.empty()) {
    while (!changed_.wait_for(lock, kPoll, [&] { return error_ || open_.size() <= kFullLimit; })) {
      if (caller_.cancelled()) return Error(ErrorCode::cancelled, "cancelled while the storage took nothing in");
    }
    if (error_) return *error_;
    take_in(bytes);
  }
  return {};
}

Result<void> WalUploader::offer(Lsn at, ByteView bytes) {
  const Lock lock(mutex_);
  DRKIT_TRY(check_joined(at));
  bytes = bytes.subspan(static_cast<std::size_t>(std::min<Lsn>(received_ - at, bytes.size())));
  while (!bytes.empty() && open_.size() <= kFullLimit) take_in(bytes);
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

// A full segment is stored whole by the other thread. Without haste its pieces are spared when that costs less. Pieces
// that the repository has are compared first, once the server has sent as much again.
bool WalUploader::wants_piece(const Segment& segment) const {
  const Lsn filled = segment.start + segment.filled;
  const bool full = segment.filled == segment.bytes.size();
  if (segment.stored || segment.in_work || filled == segment.piece_end || (full && !in_pieces_)) return false;
  if (full && !synchronous_ && filled - segment.piece_end > start_.segment_bytes / 2) return false;
  return segment.known.empty() || segment.known.back().end <= filled;
}

bool WalUploader::is_due(const Segment& segment) const {
  if (synchronous_ || finishing_ || segment.filled == segment.bytes.size()) return true;
  if (segment.start + segment.filled - segment.piece_end >= store_bytes_) return true;
  return !segment.waiting_since || ctx_.clock->steady() >= *segment.waiting_since + store_every_;
}

void WalUploader::wait_until_due(Lock& lock, const Segment& segment) {
  changed_.wait_for(lock, *segment.waiting_since + store_every_ - ctx_.clock->steady());
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
      // What is left to store_here comes unannounced, and may come after its last call.
      tail_goes_on_ ? void(changed_.wait_for(lock, kPoll)) : changed_.wait(lock);
      continue;
    }
    SegmentPtr segment = *found;
    if (!is_due(*segment)) {
      wait_until_due(lock, *segment);
      continue;
    }
    from = segment->piece_end;
    to = segment->start + segment->filled;
    segment->in_work = true;
    // What comes while these are stored waits from when it came.
    segment->waiting_since.reset();
    return segment;
  }
}

// REQUIRES: the lock.
void WalUploader::finish_work(Segment& segment, const Result<void>& done) {
  segment.in_work = false;
  if (done) advance();
  if (!done && !error_) error_ = done.error();
  changed_.notify_all();
  const bool tail_alone = segment.pieces.empty() && !segment.tails.empty() && !segment.tails.back().full;
  if (error_ || open_.size() > 1 || !tail_alone) work_of_segments_.notify_one();
  wake();
}

// REQUIRES: the lock.
bool WalUploader::can_store_here() const {
  return tail_goes_on_ && !error_ && open_.size() == 1 && wants_piece(*open_.back());
}

bool WalUploader::waits_for_here() const {
  const Lock lock(mutex_);
  return can_store_here();
}

void WalUploader::store_here(bool quiet) {
  Lock lock(mutex_);
  Segment& growing = *open_.back();
  const Lsn from = growing.piece_end, to = growing.start + growing.filled;
  if (!can_store_here() || (!quiet && to - from < kMostWaiting)) return;
  growing.in_work = true;
  growing.waiting_since.reset();
  lock.unlock();
  const bool added = add_to_tail(growing, from, to);
  lock.lock();
  growing.in_work = false;
  if (added) advance();
  // The other thread finds another way.
  if (!added) changed_.notify_all();
}

void WalUploader::run_pieces() {
  Lock lock(mutex_);
  Lsn from = 0, to = 0;
  while (const SegmentPtr segment = next_for_piece(lock, from, to)) {
    lock.unlock();
    const Result<void> stored = store_piece(*segment, from, to);
    lock.lock();
    finish_work(*segment, stored);
  }
}

void WalUploader::remember(Segment& segment, const WalName& name) {
  const std::lock_guard lock(mutex_);
  segment.pieces.push_back({name, 0});
  segment.piece_end = std::max(segment.piece_end, name.end);
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
    remember(segment, name);
  }
  const std::lock_guard lock(mutex_);
  // Each may be what an earlier receiver's tail holds.
  for (const WalName& name : segment.known) segment.tails.push_back({name.start, name.end, false, false});
  segment.known.clear();
  return {};
}

Result<void> WalUploader::store_piece(Segment& segment, Lsn from, Lsn to) {
  if (!segment.known.empty()) {
    from = std::max(from, segment.known.back().end);
    DRKIT_TRY(compare_known(segment, static_cast<std::size_t>(to - segment.start)));
  }
  if (from >= to) return {};
  const WalName name = name_of(WalKind::piece, from, to);
  if (add_to_tail(segment, from, to)) return {};
  DRKIT_TRY(archive_.put(ctx_, name, bytes_of(segment, from, to)));
  ++pieces_;
  remember(segment, name);
  return {};
}

bool WalUploader::add_to_tail(Segment& segment, Lsn from, Lsn to) {
  const WalName name = name_of(WalKind::piece, from, to);
  const auto added = tail_writer_.add(ctx_, name, bytes_of(segment, from, to), from == segment.start);
  const std::lock_guard lock(mutex_);
  const bool grows = open_.back().get() == &segment && segment.filled < segment.bytes.size();
  tail_goes_on_ = synchronous_ && added.done && !added.full && grows;
  const bool known = !segment.tails.empty() && segment.tails.back().start == added.first;
  if (!known && (added.done || added.in_the_way)) {
    segment.tails.push_back({added.first, added.first, false, added.done});
  }
  if (!added.done) return false;
  ++pieces_;
  segment.tails.back().end = segment.piece_end = to;
  segment.tails.back().full = added.full;
  if (added.full) work_of_segments_.notify_one();
  return true;
}

Result<void> WalUploader::store_segment(Segment& segment) {
  DRKIT_ASSIGN(const WalFacts facts, facts_of_segment(segment.bytes));
  const WalName name = name_of(WalKind::segment, segment.start, segment.start + start_.segment_bytes);
  DRKIT_TRY(compare_known(segment, segment.filled));
  DRKIT_TRY(archive_.put(ctx_, name, segment.bytes, facts));
  ++segments_;
  return {};
}

// The oldest segment is full and no piece of it is to come before. REQUIRES: the lock.
bool WalUploader::wants_segment() const {
  return open_.size() > 1 && !open_.front()->in_work && !wants_piece(*open_.front());
}

// Taking its pieces away may last; nobody waits for that.
void WalUploader::report_whole(Segment& segment) {
  const std::lock_guard lock(mutex_);
  segment.stored = true;
  finish_work(segment, {});
}

void WalUploader::run_segments() {
  Lock lock(mutex_);
  for (;;) {
    std::vector<Piece> pieces;
    SegmentPtr segment = open_.front();
    const bool whole = wants_segment();
    if (error_ || (finishing_ && open_.size() <= 1)) return;
    const auto tail = whole ? std::nullopt : next_full_tail();
    if (!whole && tail) segment = open_.back();
    if (!whole && !tail) segment = next_for_merge(pieces);
    if (segment == nullptr) {
      work_of_segments_.wait(lock);
      continue;
    }
    if (whole) segment->in_work = true;
    lock.unlock();
    Result<void> done = whole ? store_segment(*segment) : tail ? replace(*segment, *tail) : merge(*segment, pieces);
    if (whole && done) {
      report_whole(*segment);
      done = drop(segment->pieces);
      if (done) done = drop(*segment, segment->tails);
    }
    lock.lock();
    if (!done) finish_work(*segment, done);
  }
}

void WalUploader::end_thread() {
  const std::lock_guard lock(mutex_);
  --running_;
  wake_all();
}

Result<void> WalUploader::finish(std::chrono::milliseconds grace, bool at_once) {
  Lock lock(mutex_);
  finishing_ = true;
  wake_all();
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (at_once) deadline = std::chrono::steady_clock::now() + grace;
  while (!changed_.wait_for(lock, kPoll, [this] { return running_ == 0; })) {
    const auto now = std::chrono::steady_clock::now();
    if (!deadline && caller_.cancelled()) deadline = now + grace;
    if (!deadline || now < *deadline || ctx_.cancel.cancelled()) continue;
    ctx_.cancel.cancel();
    if (!error_) error_ = Error(ErrorCode::cancelled, "the storage did not take the rest in");
    wake_all();
  }
  lock.unlock();
  if (piece_thread_.joinable()) piece_thread_.join();
  if (segment_thread_.joinable()) segment_thread_.join();
  return state();
}

}  // namespace drkit::systems::postgres
