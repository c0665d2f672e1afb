// receive: the log as the server writes it.
#include <drkit/wal_receive.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/posix_file.hpp"
#include "systems/postgres/server_error.hpp"
#include "systems/postgres/wal_available.hpp"
#include "systems/postgres/wal_receive_spool.hpp"
#include "systems/postgres/wal_resume.hpp"
#include "systems/postgres/wal_stream.hpp"
#include "systems/postgres/wal_uploader.hpp"

namespace drkit::systems::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kWait{100};
constexpr milliseconds kReplyEvery{1000};
constexpr milliseconds kFirstPause{100}, kLongestPause{5000};
// A server that did not notice that a connection broke holds its slot for as long as wal_sender_timeout, a minute.
constexpr milliseconds kLongestBusy{120'000};

// One connection, from IDENTIFY_SYSTEM to its loss.
class Session {
 public:
  Session(const Context& ctx, const WalArchive& archive, const ConnectionParameters& parameters,
          const WalReceiveOptions& options, WalReceived& received, Lsn& came, int wake_fd)
      : ctx_(ctx),
        archive_(archive),
        parameters_(parameters),
        options_(options),
        received_(received),
        came_(came),
        wake_fd_(wake_fd) {}

  /// True when until_lsn was reached. `gone`: why an earlier connection could not go on, when the server had removed
  /// what comes next.
  Result<bool> run(const std::optional<Error>& gone);

 private:
  Result<void> learn_path();
  Result<void> store_history(TimelineId timeline, const std::string& text);
  Result<void> prepare_slot();
  Result<bool> renew_slot(const Error& why);
  Result<void> find_start();
  Result<bool> start_streaming();
  Result<void> leave_gap(const Error& why);
  Result<Lsn> oldest_available();
  Result<bool> stream();
  Result<bool> stream_timeline();
  Result<StreamEvent> next_event(const WalUploader& uploader);
  void count_unstored(const WalUploader& uploader);
  Result<void> take(const StreamEvent& event, WalUploader& uploader);
  Result<void> report(const WalUploader& uploader, bool now);
  bool is_done(Lsn stored) const { return options_.until_lsn != 0 && stored >= options_.until_lsn; }
  void drain_wake() const {
    std::uint64_t count = 0;
    if (::read(wake_fd_, &count, sizeof count) < 0) return;
  }

  const Context& ctx_;
  const WalArchive& archive_;
  const ConnectionParameters& parameters_;
  const WalReceiveOptions& options_;
  WalReceived& received_;
  Lsn& came_;  ///< the end of what came over any connection
  const int wake_fd_;
  std::unique_ptr<WalStream> stream_;
  ServerIdentity server_;
  Path path_;
  ResumePoint resume_;
  Lsn slot_position_ = 0;  ///< what the slot held when this began; 0: nothing
  std::optional<ReceiveSpool> spool_;
  steady_clock::time_point replied_{};
  Lsn reported_ = 0;
};

Result<void> Session::store_history(TimelineId timeline, const std::string& text) {
  DRKIT_TRY(archive_.put(ctx_, {WalKind::history, server_.system_id, timeline, 0, 0}, as_bytes(text)));
  return {};
}

// The way to the server's timeline. Histories of its ancestors are stored when the server still has them.
Result<void> Session::learn_path() {
  Lsn begin = 0;
  if (server_.timeline > 1) {
    DRKIT_ASSIGN(const std::string text, stream_->history(ctx_, server_.timeline));
    DRKIT_ASSIGN(const std::vector<HistoryLine> lines, parse_history(text));
    for (const HistoryLine& line : lines) {
      path_.push_back({line.timeline, begin, line.switch_lsn});
      begin = line.switch_lsn;
      if (line.timeline == 1) continue;
      if (const auto older = stream_->history(ctx_, line.timeline)) DRKIT_TRY(store_history(line.timeline, *older));
    }
    DRKIT_TRY(store_history(server_.timeline, text));
  }
  path_.push_back({server_.timeline, begin, ~Lsn{0}});
  return {};
}

Result<void> Session::prepare_slot() {
  if (options_.slot.empty()) return {};
  DRKIT_ASSIGN(auto position, stream_->slot_position(ctx_, options_.slot));
  if (!position && options_.create_slot) {
    DRKIT_TRY(stream_->create_slot(ctx_, options_.slot));
    DRKIT_ASSIGN(position, stream_->slot_position(ctx_, options_.slot));
  }
  slot_position_ = position.value_or(0);
  return {};
}

// One that was invalidated holds nothing any more and never will.
Result<bool> Session::renew_slot(const Error& why) {
  if (options_.slot.empty() || (slot_position_ != 0 && !has_sqlstate(why, kSlotLost))) return false;
  if (!options_.create_slot) {
    return Error(ErrorCode::precondition_failed, "the slot holds no log any more and shall not be made anew")
        .with("slot", options_.slot);
  }
  DRKIT_TRY(stream_->drop_slot(ctx_, options_.slot));
  DRKIT_TRY(prepare_slot());
  return true;
}

Result<void> Session::find_start() {
  DRKIT_ASSIGN(resume_,
               find_resume_point(ctx_, archive_, server_.system_id, path_, server_.segment_bytes, slot_position_));
  if (!resume_.found) {
    const Lsn from = slot_position_ != 0 ? slot_position_ : server_.flushed;
    resume_.segment_start = resume_.stored = resume_.hole = from / server_.segment_bytes * server_.segment_bytes;
    const PathPart* part = part_at(path_, from);
    resume_.timeline = part == nullptr ? server_.timeline : part->timeline;
    resume_.hole_end = part == nullptr ? path_.back().end : part->end;
  }
  if (resume_.furthest > server_.flushed) {
    return Error(ErrorCode::already_exists, "the repository holds more of this timeline than the server has")
        .with("stored_lsn", format_lsn(resume_.furthest))
        .with("server_lsn", format_lsn(server_.flushed));
  }
  return {};
}

// Where the log begins that can still be had of what is not stored; the hole's beginning when that is there.
Result<Lsn> Session::oldest_available() {
  const auto probe = [this](Lsn start) {
    return is_available(ctx_, parameters_, resume_.timeline, start, options_.connect_timeout);
  };
  DRKIT_ASSIGN(const bool there, probe(resume_.segment_start));
  if (there) return resume_.hole;
  // The segment that the server writes is there without asking.
  const Lsn written = server_.flushed / server_.segment_bytes * server_.segment_bytes;
  const Lsn limit = resume_.timeline == server_.timeline ? std::min(resume_.hole_end, written) : resume_.hole_end;
  return first_available(resume_.segment_start, limit, server_.segment_bytes, probe);
}

// The server no longer has what comes next: that is said in the repository before anything later is stored. What is
// missing behind it, or of the next timeline, is met when it is asked for.
Result<void> Session::leave_gap(const Error& why) {
  DRKIT_ASSIGN(const bool renewed, renew_slot(why));
  DRKIT_ASSIGN(const Lsn next, oldest_available());
  if (next <= resume_.hole) {
    // The same answer for a place that is there means something else.
    return renewed ? Result<void>() : why;
  }
  WalFacts facts;
  facts.note = why.message();
  for (const auto& [key, value] : why.context()) {
    if (key == "server") facts.note += ": " + value;
  }
  const WalName gap{WalKind::gap, server_.system_id, resume_.timeline, resume_.hole, next};
  DRKIT_TRY(archive_.put(ctx_, gap, {}, facts));
  ctx_.write_log(LogLevel::error, "log from " + format_lsn(gap.start) + " to " + format_lsn(gap.end) + " of timeline " +
                                      std::to_string(gap.timeline) + " is lost");
  ++received_.gaps;
  return find_start();
}

Result<bool> Session::start_streaming() {
  return stream_->start(ctx_, options_.slot, resume_.segment_start, resume_.timeline);
}

// The server is told of what is durable, and nothing else.
Result<void> Session::report(const WalUploader& uploader, bool now) {
  const Lsn stored = uploader.durable();
  if (spool_) DRKIT_TRY(spool_->forget_before(stored));
  const Lsn durable = std::max({stored, reported_, spool_ ? spool_->end() : 0});
  if (!now && durable == reported_ && steady_clock::now() < replied_ + kReplyEvery) return {};
  // A hole that is older than what the slot holds is filled without taking the slot back: it could be invalidated.
  DRKIT_TRY(stream_->reply(ctx_, uploader.received(), durable < slot_position_ ? 0 : durable));
  replied_ = steady_clock::now();
  reported_ = durable;
  received_.stored_lsn = std::max(received_.stored_lsn, uploader.durable());
  return {};
}

Result<void> Session::take(const StreamEvent& event, WalUploader& uploader) {
  const bool data = event.kind == StreamEvent::Kind::data;
  if (data && spool_) DRKIT_TRY(spool_->append(event.start, event.bytes));
  if (data) DRKIT_TRY(uploader.append(event.start, event.bytes));
  // One sync for all that has arrived by now: each costs as much as the writing.
  if (!data && spool_) DRKIT_TRY(spool_->sync());
  return report(uploader, event.kind == StreamEvent::Kind::keepalive && event.reply_wanted);
}

void Session::count_unstored(const WalUploader& uploader) {
  came_ = std::max(came_, uploader.received());
  const Lsn safe = std::max({received_.stored_lsn, resume_.stored, spool_ ? spool_->end() : 0});
  received_.unstored_bytes = came_ > safe ? came_ - safe : 0;
}

// A full uploader takes nothing in, but the server must hear that this side lives.
Result<StreamEvent> Session::next_event(const WalUploader& uploader) {
  if (uploader.is_full()) {
    DRKIT_TRY(ctx_.clock->sleep_for(milliseconds(2), ctx_.cancel));
    return StreamEvent{};
  }
  return stream_->next(ctx_, wake_fd_, spool_ && !spool_->is_synced() ? milliseconds(0) : kWait);
}

// One timeline; true when until_lsn was reached, false when the timeline ended.
Result<bool> Session::stream_timeline() {
  DRKIT_ASSIGN(const bool streaming, start_streaming());
  UploadStart start{server_.system_id, resume_.timeline, server_.segment_bytes, resume_.segment_start, resume_.known};
  WalUploader uploader(ctx_, archive_, std::move(start), options_, wake_fd_);
  if (options_.durable == WalDurable::spool) {
    spool_.emplace(options_.spool_directory, server_.system_id, resume_.timeline, server_.segment_bytes,
                   resume_.segment_start);
  }
  received_.timeline = resume_.timeline;
  reported_ = 0;
  Result<bool> done = false;
  while (streaming) {
    auto event = next_event(uploader);
    drain_wake();
    Result<void> taken = event ? take(*event, uploader) : event.error();
    if (taken) taken = uploader.state();
    if (!taken) done = taken.error();
    if (!taken || event->kind == StreamEvent::Kind::timeline_end) break;
    if (is_done(uploader.durable())) {
      done = true;
      break;
    }
  }
  const Result<void> stored = uploader.finish();
  received_.stored_lsn = std::max(received_.stored_lsn, uploader.durable());
  received_.segments += uploader.segments();
  received_.pieces += uploader.pieces();
  count_unstored(uploader);
  DRKIT_TRY(stored);
  // All of it is stored: what the spool still holds of the last segment is no longer needed.
  if (spool_) DRKIT_TRY(store_left_over(ctx_, archive_, options_.spool_directory));
  return done;
}

Result<bool> Session::stream() {
  for (;;) {
    DRKIT_ASSIGN(const bool done, stream_timeline());
    if (done) return true;
    DRKIT_ASSIGN(const NextTimeline next, stream_->next_timeline(ctx_));
    DRKIT_ASSIGN(const std::string text, stream_->history(ctx_, next.timeline));
    DRKIT_TRY(store_history(next.timeline, text));
    resume_ = {};
    resume_.timeline = next.timeline;
    resume_.segment_start = resume_.stored = next.start / server_.segment_bytes * server_.segment_bytes;
  }
}

Result<bool> Session::run(const std::optional<Error>& gone) {
  DRKIT_ASSIGN(stream_, WalStream::open(ctx_, parameters_, options_.application_name, options_.connect_timeout));
  DRKIT_ASSIGN(server_, stream_->identify(ctx_));
  DRKIT_TRY(check_segment_size(server_.segment_bytes));
  if (received_.system_id != 0 && received_.system_id != server_.system_id) {
    return Error(ErrorCode::precondition_failed, "another cluster answers at this address now");
  }
  received_.system_id = server_.system_id;
  ++received_.connections;
  DRKIT_TRY(prepare_slot());
  DRKIT_TRY(learn_path());
  DRKIT_TRY(find_start());
  if (gone) DRKIT_TRY(leave_gap(*gone));
  return stream();
}

// What the spool acknowledged goes into the repository before its files are written anew.
Result<bool> run_once(const Context& ctx, const WalArchive& archive, const WalReceiveOptions& options,
                      const ConnectionParameters& parameters, const std::optional<SpoolFolder>& spool, int wake_fd,
                      WalReceived& received, Lsn& came, std::optional<Error>& gone) {
  if (spool) DRKIT_TRY(store_abandoned(ctx, archive, *spool));
  if (spool) DRKIT_TRY(store_left_over(ctx, archive, spool->path()));
  const std::uint64_t gaps = received.gaps;
  auto done = Session(ctx, archive, parameters, options, received, came, wake_fd).run(gone);
  const bool in_vain = gone.has_value() && received.gaps == gaps;
  gone.reset();
  // The server says so only in the middle of the copy; a connection of its own looks what there still is.
  if (!in_vain && !done && (has_sqlstate(done.error(), kFileGone) || has_sqlstate(done.error(), kSlotLost))) {
    gone = done.error();
    return false;
  }
  return done;
}

bool passes_by_itself(const Error& error) {
  switch (error.code()) {
    case ErrorCode::unavailable:
    case ErrorCode::timeout:
    case ErrorCode::rate_limited:
      return true;
    default:
      return error.retryable();
  }
}

// A slot that another connection holds may be free soon: ours broke, and the server has yet to notice.
class BusySlot {
 public:
  /// Whether to try again after this answer.
  bool may_pass(const Error& error, steady_clock::time_point now) {
    const bool was_busy = std::exchange(busy_, has_sqlstate(error, kSlotBusy));
    if (!was_busy) since_ = now;
    return busy_ && now - since_ < kLongestBusy;
  }

 private:
  bool busy_ = false;
  steady_clock::time_point since_{};
};

Result<void> check_options(const WalReceiveOptions& options) {
  DRKIT_TRY(check_slot_name(options.slot));
  if (options.durable == WalDurable::spool && options.spool_directory.empty()) {
    return Error(ErrorCode::invalid_argument, "durable in a spool needs the spool's folder");
  }
  return {};
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<WalReceived> receive_wal(const Context& ctx, const WalArchive& archive, const std::string& conninfo,
                                const WalReceiveOptions& given) {
  using namespace systems::postgres;
  DRKIT_TRY(check_options(given));
  WalReceiveOptions options = given;
  DRKIT_ASSIGN(const ConnectionParameters parameters, parse_conninfo(conninfo));
  const base::UniqueFd wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake) return base::errno_error(errno, "eventfd", "");
  std::optional<SpoolFolder> spool;
  if (options.durable == WalDurable::spool) {
    DRKIT_ASSIGN(spool, SpoolFolder::open(given.spool_directory, archive.repository().id(), options.slot));
    options.spool_directory = spool->path();
  }
  WalReceived received;
  Lsn came = 0;
  milliseconds pause = kFirstPause;
  std::optional<Error> gone;
  BusySlot busy_slot;
  for (;;) {
    const std::uint64_t before = received.stored_lsn;
    const Result<bool> done = run_once(ctx, archive, options, parameters, spool, wake.get(), received, came, gone);
    if (done && *done) return received;
    if (!done && done.error().code() == ErrorCode::cancelled && ctx.cancel.cancelled()) return received;
    const bool busy = !done && busy_slot.may_pass(done.error(), ctx.clock->steady());
    if (!done && (!options.reconnect || !(busy || passes_by_itself(done.error())))) return done.error();
    if (!done) ctx.write_log(LogLevel::warning, "connecting anew: " + done.error().to_string());
    pause = received.stored_lsn > before ? kFirstPause : std::min(2 * pause, kLongestPause);
    if (!ctx.clock->sleep_for(pause, ctx.cancel)) return received;
  }
}

}  // namespace drkit
