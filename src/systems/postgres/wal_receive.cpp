// receive: the log as the server writes it.
#include <drkit/wal_receive.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "base/posix_file.hpp"
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
constexpr std::string_view kFileGone = "58P01", kSlotLost = "55000";

bool has_state(const Error& error, std::string_view sqlstate) {
  return std::any_of(error.context().begin(), error.context().end(),
                     [&](const auto& item) { return item.first == "sqlstate" && item.second == sqlstate; });
}

// One connection, from IDENTIFY_SYSTEM to its loss.
class Session {
 public:
  Session(const Context& ctx, const WalArchive& archive, const WalReceiveOptions& options, WalReceived& received,
          int wake_fd)
      : ctx_(ctx), archive_(archive), options_(options), received_(received), wake_fd_(wake_fd) {}

  /// True when until_lsn was reached. `gone`: why an earlier connection could not go on, when the server had removed
  /// what comes next.
  Result<bool> run(const ConnectionParameters& parameters, const std::optional<Error>& gone);

 private:
  Result<void> learn_path();
  Result<void> store_history(TimelineId timeline, const std::string& text);
  Result<void> prepare_slot();
  Result<void> find_start();
  Result<bool> start_streaming();
  Result<void> leave_gap(const Error& why);
  Result<Lsn> oldest_available();
  Result<bool> stream();
  Result<bool> stream_timeline();
  Result<void> take(const StreamEvent& event, WalUploader& uploader);
  Result<void> report(const WalUploader& uploader, bool now);
  bool is_done(Lsn stored) const { return options_.until_lsn != 0 && stored >= options_.until_lsn; }
  void drain_wake() const {
    std::uint64_t count = 0;
    if (::read(wake_fd_, &count, sizeof count) < 0) return;
  }

  const Context& ctx_;
  const WalArchive& archive_;
  const WalReceiveOptions& options_;
  WalReceived& received_;
  const int wake_fd_;
  std::unique_ptr<WalStream> stream_;
  ServerIdentity server_;
  Path path_;
  ResumePoint resume_;
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
  DRKIT_ASSIGN(const auto position, stream_->slot_position(ctx_, options_.slot));
  if (position || !options_.create_slot) return {};
  return stream_->create_slot(ctx_, options_.slot);
}

Result<void> Session::find_start() {
  DRKIT_TRY(learn_path());
  DRKIT_ASSIGN(resume_, find_resume_point(ctx_, archive_, server_.system_id, path_, server_.segment_bytes));
  if (!resume_.found) {
    std::optional<Lsn> position;
    if (!options_.slot.empty()) {
      DRKIT_ASSIGN(position, stream_->slot_position(ctx_, options_.slot));
    }
    const Lsn from = position.value_or(0) != 0 ? *position : server_.flushed;
    resume_.segment_start = resume_.stored = from / server_.segment_bytes * server_.segment_bytes;
    const PathPart* part = part_at(path_, from);
    resume_.timeline = part == nullptr ? server_.timeline : part->timeline;
  }
  if (resume_.timeline == server_.timeline && resume_.stored > server_.flushed) {
    return Error(ErrorCode::already_exists, "the repository holds more of this timeline than the server has")
        .with("stored_lsn", format_lsn(resume_.stored))
        .with("server_lsn", format_lsn(server_.flushed));
  }
  return {};
}

// Where the log begins that can still be had.
Result<Lsn> Session::oldest_available() {
  Lsn next = server_.flushed;
  if (!options_.slot.empty()) {
    DRKIT_ASSIGN(auto position, stream_->slot_position(ctx_, options_.slot));
    if (position == Lsn{0}) {
      // Invalidated: it holds nothing any more and never will.
      DRKIT_TRY(stream_->drop_slot(ctx_, options_.slot));
      DRKIT_TRY(stream_->create_slot(ctx_, options_.slot));
      DRKIT_ASSIGN(position, stream_->slot_position(ctx_, options_.slot));
    }
    if (position.value_or(0) > resume_.stored) next = *position;
  }
  return next / server_.segment_bytes * server_.segment_bytes;
}

// The server no longer has what comes next: that is said in the repository before anything later is stored.
Result<void> Session::leave_gap(const Error& why) {
  DRKIT_ASSIGN(const Lsn next, oldest_available());
  WalFacts facts;
  facts.note = why.message();
  for (const auto& [key, value] : why.context()) {
    if (key == "server") facts.note += ": " + value;
  }
  bool lost = false;
  for (const PathPart& part : path_) {
    // A timeline that was left while nobody listened is lost up to there, and the next one from there.
    const Lsn from = std::max(part.begin, resume_.stored), to = std::min(part.end, next);
    if (part.timeline < resume_.timeline || from >= to) continue;
    DRKIT_TRY(archive_.put(ctx_, {WalKind::gap, server_.system_id, part.timeline, from, to}, {}, facts));
    ctx_.write_log(LogLevel::error, "log from " + format_lsn(from) + " to " + format_lsn(to) + " of timeline " +
                                        std::to_string(part.timeline) + " is lost");
    ++received_.gaps;
    lost = true;
  }
  // The same answer for a place that is there means something else.
  if (!lost) return why;
  resume_.known.clear();
  resume_.timeline = server_.timeline;
  resume_.segment_start = resume_.stored = next;
  return {};
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
  DRKIT_TRY(stream_->reply(ctx_, uploader.received(), durable));
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
    // A full uploader takes nothing in, but the server must hear that this side lives.
    const milliseconds wait = spool_ && !spool_->is_synced() ? milliseconds(0) : kWait;
    auto event = uploader.is_full() ? Result<StreamEvent>(StreamEvent{}) : stream_->next(ctx_, wake_fd_, wait);
    if (event && uploader.is_full()) std::ignore = ctx_.clock->sleep_for(milliseconds(2), ctx_.cancel);
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

Result<bool> Session::run(const ConnectionParameters& parameters, const std::optional<Error>& gone) {
  DRKIT_ASSIGN(stream_, WalStream::open(ctx_, parameters, options_.application_name, options_.connect_timeout));
  DRKIT_ASSIGN(server_, stream_->identify(ctx_));
  if (received_.system_id != 0 && received_.system_id != server_.system_id) {
    return Error(ErrorCode::precondition_failed, "another cluster answers at this address now");
  }
  received_.system_id = server_.system_id;
  ++received_.connections;
  DRKIT_TRY(prepare_slot());
  DRKIT_TRY(find_start());
  if (gone) DRKIT_TRY(leave_gap(*gone));
  return stream();
}

// What the spool acknowledged goes into the repository before its files are written anew.
Result<bool> run_once(const Context& ctx, const WalArchive& archive, const WalReceiveOptions& options,
                      const ConnectionParameters& parameters, int wake_fd, WalReceived& received,
                      std::optional<Error>& gone) {
  if (options.durable == WalDurable::spool) DRKIT_TRY(store_left_over(ctx, archive, options.spool_directory));
  auto done = Session(ctx, archive, options, received, wake_fd).run(parameters, gone);
  const bool again = gone.has_value();
  gone.reset();
  // The server says so only in the middle of the copy; a connection of its own looks what there still is.
  if (!again && !done && (has_state(done.error(), kFileGone) || has_state(done.error(), kSlotLost))) {
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
                                const WalReceiveOptions& options) {
  using namespace systems::postgres;
  DRKIT_TRY(check_options(options));
  DRKIT_ASSIGN(const ConnectionParameters parameters, parse_conninfo(conninfo));
  const base::UniqueFd wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake) return base::errno_error(errno, "eventfd", "");
  WalReceived received;
  milliseconds pause = kFirstPause;
  std::optional<Error> gone;
  for (;;) {
    const std::uint64_t before = received.stored_lsn;
    const Result<bool> done = run_once(ctx, archive, options, parameters, wake.get(), received, gone);
    if (done && *done) return received;
    if (!done && done.error().code() == ErrorCode::cancelled && ctx.cancel.cancelled()) return received;
    if (!done && (!options.reconnect || !passes_by_itself(done.error()))) return done.error();
    if (!done) ctx.write_log(LogLevel::warning, "connecting anew: " + done.error().to_string());
    pause = received.stored_lsn > before ? kFirstPause : std::min(2 * pause, kLongestPause);
    if (!ctx.clock->sleep_for(pause, ctx.cancel)) return received;
  }
}

}  // namespace drkit
