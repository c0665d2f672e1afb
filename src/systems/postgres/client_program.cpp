#include "systems/postgres/client_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMaxWords = 64 * 1024;
constexpr int kPollMs = 100;
constexpr int kOldest = 15, kNewest = 30;

std::string last_lines(const std::string& words) {
  constexpr std::size_t kMost = 600;
  std::string text = words.size() > kMost ? words.substr(words.size() - kMost) : words;
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

// A message that quotes a password, as a hash, says nothing that is worth it.
std::string shown_message(std::string_view message) {
  for (const std::string_view secret : {"SCRAM-SHA-256$", "md5"}) {
    if (message.find(secret) != std::string_view::npos) return "(not shown: it holds a password)";
  }
  return std::string(message);
}

// "pg_dump (PostgreSQL) 15.20 (Debian ...)"
int major_of(const std::string& words) {
  const std::size_t bracket = words.find(") ");
  return bracket == std::string::npos ? 0 : static_cast<int>(std::strtol(words.c_str() + bracket + 2, nullptr, 10));
}

Result<int> version_in(const Context& ctx, const std::string& bin_dir) {
  const std::string program = bin_dir + "/pg_dump";
  if (::access(program.c_str(), X_OK) != 0) return 0;
  DRKIT_ASSIGN(const std::string words, run_client_program(ctx, {program, "--version"}, {}));
  return major_of(words);
}

}  // namespace

Result<ClientPrograms> find_client_programs(const Context& ctx, const std::string& bin_dir,
                                            const std::string& search_path, int wanted) {
  std::vector<std::string> folders;
  if (!bin_dir.empty()) folders = {bin_dir};
  for (int major = std::max(kOldest, wanted); major <= kNewest && bin_dir.empty(); ++major) {
    folders.push_back("/usr/lib/postgresql/" + std::to_string(major) + "/bin");
    folders.push_back("/usr/pgsql-" + std::to_string(major) + "/bin");
  }
  if (bin_dir.empty()) folders.insert(folders.end(), {"/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"});
  std::istringstream further(bin_dir.empty() ? search_path : std::string());
  for (std::string folder; std::getline(further, folder, ':');) {
    if (folder.starts_with('/')) folders.push_back(folder);
  }
  int found = 0;
  for (const std::string& folder : folders) {
    DRKIT_ASSIGN(const int major, version_in(ctx, folder));
    if (major >= wanted) return ClientPrograms{folder, major};
    found = std::max(found, major);
  }
  return Error(ErrorCode::unsupported, "no pg_dump of PostgreSQL " + std::to_string(wanted) + " or newer was found")
      .with("newest_found", found == 0 ? "none" : std::to_string(found))
      .with("looked_in", bin_dir.empty() ? "the usual places and the search path" : bin_dir);
}

std::string conninfo_of_database(std::string_view name) {
  std::string text = "dbname='";
  for (const char c : name) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

Result<std::unique_ptr<ClientProgram>> ClientProgram::start(std::vector<std::string> arguments,
                                                            std::map<std::string, std::string> environment) {
  std::unique_ptr<ClientProgram> program(new ClientProgram());
  program->name_ = arguments.front().substr(arguments.front().rfind('/') + 1);
  program->errors_ = base::UniqueFd(::memfd_create("drkit", MFD_CLOEXEC));
  int ends[2];
  if (!program->errors_ || ::pipe2(ends, O_CLOEXEC) != 0) {
    return base::errno_error(errno, "cannot make a pipe for a program", program->name_);
  }
  program->output_ = base::UniqueFd(ends[0]);
  const base::UniqueFd writing(ends[1]);
  ChildCommand command;
  command.arguments = std::move(arguments);
  command.environment = std::move(environment);
  command.environment.emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
  command.environment.emplace("LC_ALL", "C");
  command.output = "/proc/self/fd/" + std::to_string(program->errors_.get());
  command.stdout_fd = writing.get();
  DRKIT_ASSIGN(Child child, Child::start(command));
  program->child_ = std::make_unique<Child>(std::move(child));
  return program;
}

Result<std::size_t> ClientProgram::read(const Context& ctx, std::span<std::byte> buffer) {
  for (;;) {
    DRKIT_TRY(ctx.check_cancelled());
    pollfd descriptor{output_.get(), POLLIN, 0};
    const int ready = ::poll(&descriptor, 1, kPollMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t got = ready < 0 ? -1 : ::read(output_.get(), buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return base::errno_error(errno, "cannot read what a program gives", name_);
  }
}

Result<void> ClientProgram::finish(const Context& ctx) {
  DRKIT_ASSIGN(const int code, child_->wait(ctx, std::chrono::milliseconds::zero()));
  if (code == 0) return {};
  return Error(ErrorCode::io, name_ + " failed with exit code " + std::to_string(code))
      .with("words", last_lines(words()));
}

std::string ClientProgram::words() const {
  struct stat status;
  if (::fstat(errors_.get(), &status) != 0) return {};
  const auto size = static_cast<std::size_t>(status.st_size);
  std::string text(std::min(size, kMaxWords), '\0');
  const auto got = base::pread_full(errors_.get(), std::as_writable_bytes(std::span(text.data(), text.size())),
                                    size - text.size(), name_);
  text.resize(got.ok() ? *got : 0);
  return text;
}

Result<void> ClientProgram::each_line(const std::function<Result<void>(std::string_view line)>& visit) const {
  std::string text;
  std::string piece(kMaxWords, '\0');
  for (std::uint64_t at = 0;;) {
    DRKIT_ASSIGN(
        const std::size_t got,
        base::pread_full(errors_.get(), std::as_writable_bytes(std::span(piece.data(), piece.size())), at, name_));
    at += got;
    text.append(piece, 0, got);
    std::size_t start = 0;
    for (std::size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
      DRKIT_TRY(visit(std::string_view(text).substr(start, end - start)));
    }
    text.erase(0, start);
    const bool over = got < piece.size();
    if (!text.empty() && (over || text.size() >= kMaxWords)) {
      DRKIT_TRY(visit(text));
      text.clear();
    }
    if (over) return {};
  }
}

Result<void> judge_psql_line(std::string_view line) {
  // "psql:FILE:LINE: ERROR:  42710: role "x" already exists"
  constexpr std::size_t kStateLength = 5;
  constexpr std::string_view kBefore = ":  ", kBehind = ": ", kExistsAlready = "42710";
  const auto is_part = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
  for (std::size_t at = line.find(kBefore); at != std::string_view::npos; at = line.find(kBefore, at + 1)) {
    const std::string_view state = line.substr(at + kBefore.size(), kStateLength);
    const std::string_view rest = line.substr(std::min(line.size(), at + kBefore.size() + kStateLength));
    const bool told = state.size() == kStateLength && std::all_of(state.begin(), state.end(), is_part) &&
                      (rest.empty() || rest.starts_with(kBehind));
    if (!told) continue;
    if (state == kExistsAlready) return {};
    Error error(ErrorCode::io, "roles and settings were not restored");
    const std::string_view place = line.substr(0, at == 0 ? 0 : line.rfind(kBehind, at - 1));
    const std::string number(place.substr(std::min(place.size(), place.rfind(':') + 1)));
    return std::move(error)
        .with("sqlstate", std::string(state))
        .with("server", shown_message(rest.substr(std::min(rest.size(), kBehind.size()))))
        .with("line", number);
  }
  return {};
}

Result<void> read_program_lines(const Context& ctx, std::vector<std::string> arguments,
                                std::map<std::string, std::string> environment,
                                const std::function<Result<void>(std::string_view line)>& visit) {
  DRKIT_ASSIGN(const auto program, ClientProgram::start(std::move(arguments), std::move(environment)));
  std::string text;
  Bytes buffer(kMaxWords);
  for (;;) {
    DRKIT_ASSIGN(const std::size_t got, program->read(ctx, buffer));
    text += as_text(ByteView(buffer).first(got));
    std::size_t start = 0;
    for (std::size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
      DRKIT_TRY(visit(std::string_view(text).substr(start, end - start)));
    }
    text.erase(0, start);
    if (got > 0) continue;
    if (!text.empty()) DRKIT_TRY(visit(text));
    return program->finish(ctx);
  }
}

Result<std::string> run_client_program(const Context& ctx, std::vector<std::string> arguments,
                                       std::map<std::string, std::string> environment,
                                       const std::function<Result<void>(std::string_view line)>& judge) {
  DRKIT_ASSIGN(const auto program, ClientProgram::start(std::move(arguments), std::move(environment)));
  std::string text;
  Bytes buffer(4096);
  for (;;) {
    DRKIT_ASSIGN(const std::size_t got, program->read(ctx, buffer));
    if (got == 0) break;
    if (text.size() < kMaxWords) text += as_text(ByteView(buffer).first(got));
  }
  DRKIT_TRY(program->finish(ctx));
  if (judge) DRKIT_TRY(program->each_line(judge));
  return text + program->words();
}

}  // namespace drkit::systems::postgres
