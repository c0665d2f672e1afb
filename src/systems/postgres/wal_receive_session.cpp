#include "systems/postgres/wal_receive_session.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "systems/postgres/server_error.hpp"
#include "systems/postgres/wal_available.hpp"

namespace drkit::systems::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kWait{100};
constexpr milliseconds kReplyEvery{1000};
constexpr milliseconds kRoomPoll{50};

}  // namespace

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

bool is_log_gone(const Error& error) { return has_sqlstate(error, kFileGone) || has_sqlstate(error, kSlotLost); }

Result<void> settle(ReceiveState& state, bool at_once) {
  if (!state.intake) return {};
  WalIntake& intake = *state.intake;
  const Result<void> finished = intake.finish(at_once);
  WalReceived& received = state.received;
  received.stored_lsn = std::max(received.stored_lsn, intake.stored());
  received.segments += intake.segments();
  received.pieces += intake.pieces();
  state.came = std::max(state.came, intake.received());
  const Lsn safe = std::max(received.stored_lsn, intake.safe());
  received.unstored_bytes = state.came > safe ? state.came - safe : 0;
  state.intake.reset();
  return finished;
}

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
  // Another receiver may have stored what the server wrote since it was asked.
  if (resume_.furthest > server_.flushed) {
    DRKIT_ASSIGN(const ServerIdentity now, stream_->identify(ctx_));
    server_.flushed = now.flushed;
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
Result<void> Session::report(bool now) {
  const Lsn durable = std::max(intake().durable(), reported_);
  received_.stored_lsn = std::max(received_.stored_lsn, intake().stored());
  if (!now && durable == reported_ && steady_clock::now() < replied_ + kReplyEvery) return {};
  // A hole that is older than what the slot holds is filled without taking the slot back: it could be invalidated.
  DRKIT_TRY(stream_->reply(ctx_, intake().received(), durable < slot_position_ ? 0 : durable));
  replied_ = steady_clock::now();
  reported_ = durable;
  return {};
}

Result<void> Session::move(bool quiet, bool reply) {
  DRKIT_TRY(intake().keep_moving(quiet));
  DRKIT_TRY(report(reply));
  return intake().state();
}

// A spool that is full, by its limit or the disk's, takes in nothing before the storage did; that is no failure. The
// message stays at hand meanwhile, and the server hears that this side lives.
Result<void> Session::take_in(const StreamEvent& event) {
  const auto try_it = [&] { return intake().take(event.start, event.bytes); };
  Result<void> taken = try_it();
  if (taken || !intake().has_spool() || taken.error().code() != ErrorCode::no_space) return taken;
  if (!std::exchange(state_.told_full, true)) {
    ctx_.write_log(LogLevel::warning,
                   "the spool is full: receiving pauses until the storage takes log in: " + taken.error().to_string());
  }
  while (!taken && taken.error().code() == ErrorCode::no_space) {
    DRKIT_TRY(move(true, false));
    DRKIT_TRY(ctx_.clock->sleep_for(kRoomPoll, ctx_.cancel));
    taken = try_it();
  }
  if (taken) ctx_.write_log(LogLevel::info, "the spool has room again: receiving goes on");
  return taken;
}

Result<void> Session::take(const StreamEvent& event) {
  const bool data = event.kind == StreamEvent::Kind::data;
  if (data) DRKIT_TRY(take_in(event));
  if (intake().received() - intake().stored() <= server_.segment_bytes) state_.told_full = false;
  return move(!data, event.kind == StreamEvent::Kind::keepalive && event.reply_wanted);
}

// A full uploader takes nothing in, but the server must hear that this side lives.
Result<StreamEvent> Session::next_event() {
  if (intake().is_full()) {
    DRKIT_TRY(ctx_.clock->sleep_for(milliseconds(2), ctx_.cancel));
    return StreamEvent{};
  }
  return stream_->next(ctx_, wake_fd_, intake().is_behind() ? milliseconds(0) : kWait);
}

// True when until_lsn was reached, false when the timeline ended.
Result<bool> Session::pump() {
  for (;;) {
    auto event = next_event();
    if (!event) return event.error();
    if (event->woken) drain_wake();
    DRKIT_TRY(take(*event));
    if (event->kind == StreamEvent::Kind::timeline_end) return false;
    if (is_done(intake().stored())) return true;
  }
}

// What is in the spool needs no connection, and the next connection need not wait for it.
bool Session::may_outlive(const Result<bool>& done) const {
  if (done || !options_.reconnect || !state_.intake->has_spool() || !state_.intake->state()) return false;
  return passes_by_itself(done.error()) || is_log_gone(done.error());
}

// One timeline; true when until_lsn was reached, false when the timeline ended.
Result<bool> Session::stream_timeline() {
  DRKIT_ASSIGN(const bool streaming, start_streaming());
  if (!state_.intake) {
    const UploadStart start{server_.system_id, resume_.timeline, server_.segment_bytes, resume_.segment_start,
                            resume_.known};
    state_.intake.emplace(ctx_, archive_, start, options_, wake_fd_);
  }
  received_.timeline = resume_.timeline;
  reported_ = 0;
  const Result<bool> done = streaming ? pump() : false;
  if (may_outlive(done)) return done;
  const Result<void> settled = settle(state_, intake().has_spool() && !done);
  // That it was given up says less than why.
  if (!settled && (done || settled.error().code() != ErrorCode::cancelled)) return settled.error();
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
  if (gone || !goes_on()) DRKIT_TRY(begin_anew(gone));
  return stream();
}

// Behind what the spool took in, without asking the storage: it may be away.
bool Session::goes_on() {
  if (!state_.intake) return false;
  const UploadStart& start = intake().start();
  const Lsn received = intake().received();
  if (start.timeline != server_.timeline || start.segment_bytes != server_.segment_bytes ||
      received > server_.flushed) {
    return false;
  }
  resume_ = {};
  resume_.found = true;
  resume_.timeline = start.timeline;
  resume_.segment_start = resume_.stored = received / start.segment_bytes * start.segment_bytes;
  return true;
}

Result<void> Session::begin_anew(const std::optional<Error>& gone) {
  DRKIT_TRY(settle(state_, false));
  DRKIT_TRY(learn_path());
  DRKIT_TRY(find_start());
  return gone ? leave_gap(*gone) : Result<void>();
}

}  // namespace drkit::systems::postgres
