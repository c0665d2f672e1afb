#include "systems/postgres/boot_server.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

namespace drkit::systems::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollEvery{20};
constexpr milliseconds kFastPatience = std::chrono::minutes(5);
constexpr milliseconds kImmediatePatience = std::chrono::seconds(10);
constexpr int kStatusLine = 8;

}  // namespace

bool Programs::has(const std::string& name) const { return ::access(path(name).c_str(), X_OK) == 0; }

Result<Programs> find_programs(const PostgresBootOptions& options, int major_version, const std::string& data_dir) {
  Programs programs;
  const std::string major = std::to_string(major_version);
  programs.bin_dir = options.bin_dir.empty() ? "/usr/lib/postgresql/" + major + "/bin" : options.bin_dir;
  if (!programs.has("postgres")) {
    return Error(ErrorCode::unsupported,
                 "no server program of PostgreSQL " + major + " found: looked for " + programs.path("postgres"));
  }
  programs.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LC_ALL", "C"}, {"PGPASSFILE", "/dev/null/none"}};
  for (const auto& [name, value] : options.environment) programs.environment[name] = value;
  DRKIT_ASSIGN(const Account owner, owner_of(data_dir));
  if (::geteuid() == 0) {
    if (owner.uid == 0) {
      return Error(ErrorCode::precondition_failed,
                   "the data directory belongs to root, as whom PostgreSQL refuses to run: " + data_dir);
    }
    programs.account = owner;
  }
  return programs;
}

Result<BootServer> BootServer::start(const BootPlace& place, const Programs& programs,
                                     const PostgresBootOptions& options) {
  ChildCommand command;
  command.arguments = {programs.path("postgres"), "-D", place.data_dir};
  for (std::string& argument : boot_arguments(place, options)) command.arguments.push_back(std::move(argument));
  command.environment = programs.environment;
  command.account = programs.account;
  command.output = place.log_file();
  // An immediate shutdown: unlike a kill it leaves no shared memory behind.
  command.parent_death_signal = SIGQUIT;
  DRKIT_ASSIGN(Child child, Child::start(command));
  return BootServer(std::move(child), place.data_dir);
}

BootServer::~BootServer() {
  if (child_.pid() < 0 || child_.poll()) return;
  stop_by(SIGQUIT, kImmediatePatience);
}

// The server writes its state into the eighth line of its pid file; the first must be ours.
bool BootServer::is_ready() const {
  std::ifstream file(data_dir_ + "/postmaster.pid");
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (number == 1 && line != std::to_string(child_.pid())) return false;
    if (number == kStatusLine) return line.starts_with("ready");
  }
  return false;
}

Result<bool> BootServer::wait_ready(const Context& ctx, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  while (!is_ready()) {
    DRKIT_TRY(ctx.check_cancelled());
    if (child_.poll()) return false;
    if (steady_clock::now() > deadline) {
      return Error(ErrorCode::timeout, "the restored cluster did not finish recovery in time");
    }
    std::this_thread::sleep_for(kPollEvery);
  }
  return true;
}

std::optional<int> BootServer::stop_by(int signal, milliseconds patience) {
  child_.signal(signal);
  const auto code = child_.wait(Context(), patience);
  return code.ok() ? std::optional<int>(*code) : std::nullopt;
}

bool BootServer::stop() {
  if (const auto code = child_.poll()) return *code == 0;
  if (const auto code = stop_by(SIGINT, kFastPatience)) return *code == 0;
  stop_by(SIGQUIT, kImmediatePatience);
  return false;
}

Result<std::string> bootstrap_superuser(const Context& ctx, const BootPlace& place, const Programs& programs,
                                        const PostgresBootOptions& options) {
  const std::string input = place.scratch + "/query.sql";
  std::ofstream(input) << "SELECT rolname FROM pg_authid WHERE oid = 10;\n";
  ChildCommand command;
  command.arguments = {programs.path("postgres"), "--single", "-D", place.data_dir};
  for (std::string& argument : boot_arguments(place, options)) command.arguments.push_back(std::move(argument));
  command.arguments.push_back("template1");
  command.environment = programs.environment;
  command.account = programs.account;
  command.input = input;
  command.output = place.output_file();
  ::unlink(command.output.c_str());
  DRKIT_TRY(run_child(ctx, command));
  // The answer is a line like: 1: rolname = "postgres" (typeid = ...)
  const std::string text = tail_of_file(command.output, 64 * 1024);
  constexpr std::string_view kBefore = "1: rolname = \"";
  const auto start = text.find(kBefore);
  const auto end = start == std::string::npos ? start : text.find("\"\t(", start + kBefore.size());
  if (end == std::string::npos) return Error(ErrorCode::io, "cannot find out the name of the cluster's superuser");
  return text.substr(start + kBefore.size(), end - start - kBefore.size());
}

std::string tail_of_file(const std::string& path, std::size_t bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::size_t>(file.tellg());
  const std::size_t count = std::min(size, bytes);
  file.seekg(static_cast<std::streamoff>(size - count));
  std::string text(count, '\0');
  file.read(text.data(), static_cast<std::streamsize>(count));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace drkit::systems::postgres
