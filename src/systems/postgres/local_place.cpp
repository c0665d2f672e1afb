#include "systems/postgres/local_place.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <sstream>

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMaxSmallFile = 64 * 1024;
constexpr int kAttempts = 20;
constexpr auto kPause = std::chrono::milliseconds(5);
// The process file is written at the very start, the time that SQL tells is taken when the server is ready to go on.
constexpr std::int64_t kMaxStartSeconds = 120;

Result<std::string> read_small(int root, const std::string& path) {
  DRKIT_ASSIGN(const base::UniqueFd fd, base::open_at(root, path, O_RDONLY | O_NOFOLLOW));
  std::string text(kMaxSmallFile, '\0');
  DRKIT_ASSIGN(const std::size_t size,
               base::read_full(fd.get(), std::as_writable_bytes(std::span(text.data(), text.size())), path));
  text.resize(size);
  return text;
}

Error not_this_server(std::string what) {
  return Error(ErrorCode::precondition_failed, "the data directory is not that of the server: " + std::move(what));
}

Result<void> compare_process_file(const ServerFacts& facts, const std::string& text) {
  std::istringstream lines(text);
  std::string pid, directory, started, port;
  std::getline(lines, pid) && std::getline(lines, directory) && std::getline(lines, started) &&
      std::getline(lines, port);
  if (directory != facts.data_directory) return not_this_server("postmaster.pid names another place");
  if (port != facts.port) return not_this_server("postmaster.pid names another port");
  const std::int64_t before = facts.started_us / 1'000'000 - std::strtoll(started.c_str(), nullptr, 10);
  if (before < -2 || before > kMaxStartSeconds) return not_this_server("it started at another time");
  return {};
}

}  // namespace

Result<ControlFile> read_control(const Context& ctx, int root, std::string& text) {
  for (int attempt = 1;; ++attempt) {
    DRKIT_ASSIGN(text, read_small(root, "global/pg_control"));
    auto control = parse_control_file(as_bytes(text));
    if (control.ok() || control.error().code() != ErrorCode::corrupt || attempt == kAttempts) return control;
    DRKIT_TRY(ctx.clock->sleep_for(kPause, ctx.cancel));
  }
}

Result<LocalPlace> open_local_place(const Context& ctx, const ServerFacts& facts, const std::string& path) {
  LocalPlace place;
  place.path = path.empty() ? facts.data_directory : path;
  DRKIT_ASSIGN(place.root, base::open_file(place.path, O_RDONLY | O_DIRECTORY));
  std::string text;
  DRKIT_ASSIGN(place.control, read_control(ctx, place.root.get(), text));
  if (std::to_string(place.control.system_id) != facts.system_id) {
    return not_this_server("it has another system identifier");
  }
  DRKIT_ASSIGN(const std::string process, read_small(place.root.get(), "postmaster.pid"));
  DRKIT_TRY(compare_process_file(facts, process));
  return place;
}

// A checkpoint may end between the two looks.
Result<void> compare_checkpoints(const Context& ctx, LocalSession& session, const LocalPlace& place) {
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    DRKIT_ASSIGN(const CheckpointFacts told, session.checkpoint(ctx));
    std::string text;
    DRKIT_ASSIGN(const ControlFile control, read_control(ctx, place.root.get(), text));
    if (control.checkpoint == told.checkpoint && control.redo == told.redo) return {};
    DRKIT_TRY(ctx.clock->sleep_for(kPause, ctx.cancel));
  }
  return not_this_server("its newest checkpoint is another one");
}

std::string tablespace_folder(int server_version, const ControlFile& control) {
  return "PG_" + std::to_string(server_version / 10000) + "_" + std::to_string(control.catalog_version);
}

}  // namespace drkit::systems::postgres
