#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <drkit/postgres.hpp>

#include "systems/postgres/boot_checks.hpp"
#include "systems/postgres/live_server.hpp"

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLogTail = 4096;
constexpr std::size_t kMaxSocketPath = 107;  // what a socket's address holds
constexpr std::string_view kSocketName = "/.s.PGSQL.5432.lock";

Result<int> major_version_of(const std::string& data_dir) {
  std::ifstream file(data_dir + "/PG_VERSION");
  int major = 0;
  if (!(file >> major) || major < 1) {
    return Error(ErrorCode::not_found, "no PostgreSQL data directory: " + data_dir);
  }
  return major;
}

// The private folder of one start; goes away with its content.
class Scratch {
 public:
  static Result<Scratch> make(const std::string& parent, const std::optional<Account>& account) {
    std::string path = parent + "/drkit-boot-XXXXXX";
    if (path.size() + kSocketName.size() > kMaxSocketPath) {
      return Error(ErrorCode::invalid_argument, "the path of scratch_dir is too long for a socket: " + parent);
    }
    if (::mkdtemp(path.data()) == nullptr) {
      return Error(ErrorCode::io, "cannot make a folder in " + parent).with("os", std::strerror(errno));
    }
    Scratch scratch(path);
    if (account && ::chown(path.c_str(), account->uid, account->gid) != 0) {
      return Error(ErrorCode::io, "cannot give away a folder").with("os", std::strerror(errno));
    }
    return scratch;
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  // The server runs under another account when this process is root; the folder itself is private.
  if (!file || ::chmod(path.c_str(), 0644) != 0) return Error(ErrorCode::io, "cannot write " + path);
  return {};
}

Result<void> write_rules(const BootPlace& place) {
  DRKIT_TRY(write_file(place.hba_file(), "local all all trust\n"));
  DRKIT_TRY(write_file(place.ident_file(), ""));
  // Prepared transactions of the source need slots, whatever its configuration was.
  return write_file(place.config_file(), "max_prepared_transactions = 1000\nmax_connections = 50\n");
}

// With a signal the server would wait for WAL from elsewhere instead of ending recovery with what is there; with a map
// it would lead the tablespaces' links, and then its own writes, to where the original has them.
Result<void> disable_signals(const std::string& data_dir) {
  for (const char* name : {"/standby.signal", "/recovery.signal", "/tablespace_map"}) {
    const std::string path = data_dir + name;
    if (::rename(path.c_str(), (path + ".disabled").c_str()) != 0 && errno != ENOENT) {
      return Error(ErrorCode::io, "cannot rename " + path).with("os", std::strerror(errno));
    }
  }
  return {};
}

using steady = std::chrono::steady_clock;

double seconds_since(steady::time_point start) { return std::chrono::duration<double>(steady::now() - start).count(); }

class Boot {
 public:
  Boot(BootPlace place, Programs programs, const PostgresBootOptions& options)
      : place_(std::move(place)), programs_(std::move(programs)), options_(options) {
    report_.major_version = place_.major_version;
  }

  Result<PostgresBootReport> run(const Context& ctx) {
    std::optional<BootServer> server;
    DRKIT_TRY(start(ctx, server));
    if (server) {
      report_.ready = true;
      DRKIT_ASSIGN(const std::string user, find_user(ctx, server));
      DRKIT_TRY(check(ctx, user));
      stop(*server);
    }
    if (!report_.ok()) report_.log_tail = tail_of_file(place_.log_file(), kLogTail);
    return std::move(report_);
  }

 private:
  Result<void> start(const Context& ctx, std::optional<BootServer>& server);
  Result<bool> try_start(const Context& ctx, std::optional<BootServer>& server, std::string& complaint);
  Result<std::string> find_user(const Context& ctx, std::optional<BootServer>& server);
  Result<void> check(const Context& ctx, const std::string& user);
  void stop(BootServer& server);

  BootPlace place_;
  Programs programs_;
  const PostgresBootOptions& options_;
  PostgresBootReport report_;
};

Result<void> Boot::start(const Context& ctx, std::optional<BootServer>& server) {
  const auto begin = steady::now();
  place_.own_configuration = !fs::exists(place_.data_dir + "/postgresql.conf");
  std::string complaint;
  DRKIT_ASSIGN(bool started, try_start(ctx, server, complaint));
  // What stands in the way may be the configuration alone: files that it includes, sizes, libraries.
  if (!started && !place_.own_configuration) {
    place_.own_configuration = true;
    DRKIT_ASSIGN(started, try_start(ctx, server, complaint));
  }
  report_.own_configuration = place_.own_configuration;
  report_.seconds_to_ready = seconds_since(begin);
  report_.checks.push_back({"start", place_.data_dir, started, report_.seconds_to_ready, started ? "" : complaint});
  return {};
}

Result<bool> Boot::try_start(const Context& ctx, std::optional<BootServer>& server, std::string& complaint) {
  server.reset();
  DRKIT_ASSIGN(BootServer candidate, BootServer::start(place_, programs_, options_));
  const auto ready = candidate.wait_ready(ctx, options_.start_timeout);
  if (!ready.ok() && ready.error().code() == ErrorCode::cancelled) return ready.error();
  complaint = ready.ok() ? "the server ended before recovery was over" : ready.error().message();
  if (!ready.ok() || !*ready) return false;
  server.emplace(std::move(candidate));
  return true;
}

Result<std::string> Boot::find_user(const Context& ctx, std::optional<BootServer>& server) {
  const std::string likely = options_.user.empty() ? "postgres" : options_.user;
  const auto connection = BootSession(place_, programs_, likely).connect(ctx, "template1");
  if (connection.ok()) {
    DRKIT_ASSIGN(const ResultPtr super,
                 (*connection)->query(ctx, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"));
    if (field(super, 0, 0) == "t") return likely;
  } else if (connection.error().code() == ErrorCode::cancelled) {
    return connection.error();
  }
  if (!options_.user.empty()) {
    return Error(ErrorCode::invalid_argument, "the user of a boot check must be a superuser").with("user", likely);
  }
  server->stop();
  DRKIT_ASSIGN(const std::string user, bootstrap_superuser(ctx, place_, programs_, options_));
  std::string complaint;
  DRKIT_ASSIGN(const bool started, try_start(ctx, server, complaint));
  if (!started) return Error(ErrorCode::io, "the restored cluster started once but not again").with("why", complaint);
  return user;
}

Result<void> Boot::check(const Context& ctx, const std::string& user) {
  const BootSession session(place_, programs_, user);
  if (options_.amcheck) DRKIT_TRY(session.amcheck(ctx, report_.checks));
  if (options_.read_everything) DRKIT_TRY(session.read_everything(ctx, report_.checks));
  for (const PostgresQuery& query : options_.queries) DRKIT_TRY(session.run_query(ctx, query, report_.checks));
  return {};
}

void Boot::stop(BootServer& server) {
  const auto begin = steady::now();
  const bool clean = server.stop();
  report_.checks.push_back(
      {"stop", place_.data_dir, clean, seconds_since(begin), clean ? "" : "the server did not stop cleanly"});
}

// Written by every start; the tree shall look as it did.
class OptionsFile {
 public:
  explicit OptionsFile(const std::string& data_dir)
      : path_(data_dir + "/postmaster.opts"), existed_(fs::exists(path_)) {}
  ~OptionsFile() {
    if (!existed_) ::unlink(path_.c_str());
  }
  OptionsFile(const OptionsFile&) = delete;
  OptionsFile& operator=(const OptionsFile&) = delete;

 private:
  std::string path_;
  bool existed_;
};

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<PostgresBootReport> boot_postgres(const Context& ctx, const std::string& data_dir,
                                         const PostgresBootOptions& options) {
  using namespace systems::postgres;
  std::error_code failed;
  const std::string path = std::filesystem::absolute(data_dir, failed).string();
  DRKIT_ASSIGN(const int major, major_version_of(path));
  DRKIT_TRY(refuse_running_server(path));
  DRKIT_ASSIGN(Programs programs, find_programs(options, major, path));
  DRKIT_ASSIGN(const Scratch scratch, Scratch::make(options.scratch_dir, programs.account));
  const BootPlace place{path, scratch.path(), major, false};
  DRKIT_TRY(write_rules(place));
  DRKIT_TRY(disable_signals(path));
  const OptionsFile options_file(path);
  return Boot(place, std::move(programs), options).run(ctx);
}

}  // namespace drkit
