// Starting a server that recovers, and finding out what it came to.
#include <filesystem>
#include <fstream>
#include <thread>

#include <drkit/pitr.hpp>

#include "base/posix_file.hpp"
#include "base/text_file.hpp"
#include "systems/postgres/boot_server.hpp"
#include "systems/postgres/control_file.hpp"
#include "systems/postgres/live_server.hpp"
#include "systems/postgres/log_time.hpp"
#include "systems/postgres/wal_history.hpp"

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kPollEvery{50};
constexpr std::uint32_t kShutDownInRecovery = 2, kInProduction = 6;
constexpr int kReadyTries = 100;
constexpr std::size_t kLogTail = 256 * 1024;

std::string after_last(const std::string& text, std::string_view mark) {
  const auto at = text.rfind(mark);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + mark.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

class Recovery {
 public:
  Recovery(std::string data_dir, const PitrPlan& plan, PitrAction action, Programs programs, std::string log_file)
      : data_dir_(std::move(data_dir)),
        plan_(plan),
        action_(action),
        programs_(std::move(programs)),
        log_file_(std::move(log_file)) {}

  Result<void> start(const Context& ctx, const PitrStartOptions& options) const;
  Result<PitrReached> wait(const Context& ctx, milliseconds timeout) const;
  void stop() const;

 private:
  Result<int> control(const Context& ctx, std::vector<std::string> arguments) const;
  std::optional<ControlFile> control_file() const;
  bool is_paused() const { return !after_last(log(), "recovery has paused").empty() || pauses_at_end(); }
  bool pauses_at_end() const { return log().find("pausing at the end of recovery") != std::string::npos; }
  std::string log() const { return tail_of_file(log_file_, kLogTail); }
  bool read_history(PitrReached& reached) const;
  void check_latest(PitrReached& reached, bool known) const;
  PitrReached report(bool finished) const;

  std::string data_dir_;
  const PitrPlan& plan_;
  PitrAction action_;
  Programs programs_;
  std::string log_file_;
};

Result<int> Recovery::control(const Context& ctx, std::vector<std::string> arguments) const {
  ChildCommand command;
  command.arguments = {programs_.path("pg_ctl"), "-D", data_dir_, "-s"};
  for (std::string& argument : arguments) command.arguments.push_back(std::move(argument));
  command.environment = programs_.environment;
  command.account = programs_.account;
  command.output = "/dev/null";
  return run_child(ctx, command);
}

Result<void> Recovery::start(const Context& ctx, const PitrStartOptions& options) const {
  // The server appends to its log as itself; what an earlier attempt wrote there must not be taken for this one's.
  ::unlink(log_file_.c_str());
  std::vector<std::string> arguments{"start", "-W", "-l", log_file_};
  const std::string plain = "-c log_destination=stderr -c logging_collector=off -c lc_messages=C ";
  arguments.insert(arguments.end(), {"-o", plain + options.server_options});
  DRKIT_ASSIGN(const int code, control(ctx, std::move(arguments)));
  if (code == 0) return {};
  return Error(ErrorCode::io, "the server did not start").with("log", log_file_);
}

void Recovery::stop() const { static_cast<void>(control(Context(), {"stop", "-m", "immediate", "-w"})); }

std::optional<ControlFile> Recovery::control_file() const {
  const auto text = base::read_text_file(data_dir_ + "/global/pg_control");
  if (!text || !*text) return std::nullopt;
  // Written in place: a torn read shows as a wrong checksum and is tried again.
  const auto control = parse_control_file(as_bytes(**text));
  return control ? std::optional(*control) : std::nullopt;
}

// A promotion leaves in the history of the new timeline where and why the old one was left.
bool Recovery::read_history(PitrReached& reached) const {
  std::error_code failed;
  TimelineId newest = 0;
  fs::directory_iterator at(data_dir_ + "/pg_wal", failed);
  for (; !failed && at != fs::directory_iterator(); at.increment(failed)) {
    const std::string name = at->path().filename().string();
    if (name.size() != 16 || !name.ends_with(".history")) continue;
    newest = std::max(newest, static_cast<TimelineId>(std::strtoul(name.substr(0, 8).c_str(), nullptr, 16)));
  }
  if (newest <= plan_.timeline) return false;
  const auto text = base::read_text_file(data_dir_ + "/pg_wal/" + history_file_name(newest));
  if (!text || !*text) return false;
  const auto lines = parse_history(**text);
  if (!lines || lines->empty()) return false;
  reached.timeline = newest;
  reached.lsn = lines->back().switch_lsn;
  reached.message = lines->back().reason;
  return true;
}

// The server takes any file that it does not get for the end of the log, and promotes there.
void Recovery::check_latest(PitrReached& reached, bool known) const {
  if (known && reached.lsn >= plan_.stop_lsn) return;
  reached.finished = false;
  reached.message = "the server ended recovery at " + (known ? format_lsn(reached.lsn) : "an unknown position") +
                    " and was promoted, but the stored log goes on to " + format_lsn(plan_.stop_lsn) +
                    ": it did not get all of it";
}

PitrReached Recovery::report(bool finished) const {
  PitrReached reached;
  reached.finished = finished;
  reached.timeline = plan_.timeline;
  const std::string text = log();
  reached.message = after_last(text, finished ? "LOG:  recovery stopping " : "FATAL:  ");
  if (const auto lsn =
          parse_lsn(after_last(text, "redo done at ").substr(0, after_last(text, "redo done at ").find(' '))))
    reached.lsn = *lsn;
  if (const auto time = time_of_log(after_last(text, "last completed transaction was at log time "))) {
    reached.time_ns = *time;
  }
  const bool known = finished && read_history(reached);
  if (finished && plan_.target.kind == PitrKind::latest) {
    check_latest(reached, known);
  } else if (finished && reached.lsn == 0) {
    // The server says that it stopped where it was told to.
    reached.lsn = plan_.stop_lsn;
  }
  return reached;
}

Result<PitrReached> Recovery::wait(const Context& ctx, milliseconds timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  bool seen = false;
  for (int round = 0;; ++round) {
    DRKIT_TRY(ctx.check_cancelled());
    const bool running = running_server(data_dir_).has_value();
    seen = seen || running;
    const auto control = control_file();
    const bool signal_there = ::access((data_dir_ + "/recovery.signal").c_str(), F_OK) == 0;
    if (running && control && control->state == kInProduction && !signal_there) return report(true);
    if (running && action_ == PitrAction::pause && pauses_at_end()) return report(true);
    if (running && action_ == PitrAction::pause && is_paused()) return report(true);
    if (!running && (seen || round > kReadyTries)) {
      const bool meant = action_ != PitrAction::promote && control && control->state == kShutDownInRecovery &&
                         log().find("shutdown at recovery target") != std::string::npos;
      return report(meant);
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return Error(ErrorCode::timeout, "recovery did not reach the target in time").with("log", log_file_);
    }
    std::this_thread::sleep_for(kPollEvery);
  }
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<PitrReached> start_pitr(const Context& ctx, const std::string& data_dir, const PitrPlan& plan, PitrAction action,
                               const PitrStartOptions& options) {
  using namespace systems::postgres;
  DRKIT_TRY(refuse_running_server(data_dir));
  DRKIT_ASSIGN(const auto version, base::read_text_file(data_dir + "/PG_VERSION"));
  if (!version) return Error(ErrorCode::not_found, "this is no data directory").with("path", data_dir);
  PostgresBootOptions where;
  where.bin_dir = options.bin_dir;
  where.environment = options.environment;
  DRKIT_ASSIGN(Programs programs, find_programs(where, std::atoi(version->c_str()), data_dir));
  const std::string log = options.log_file.empty() ? data_dir + "/drkit-recovery.log" : options.log_file;
  const Recovery recovery(data_dir, plan, action, std::move(programs), log);
  DRKIT_TRY(recovery.start(ctx, options));
  auto reached = recovery.wait(ctx, options.timeout);
  if (!reached) recovery.stop();
  return reached;
}

}  // namespace drkit
