// drkit ls: the files of a snapshot.
#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct ListArguments {
  std::string repository;
  std::string snapshot;
  std::string path;
};

char type_letter(EntryType type) {
  switch (type) {
    case EntryType::regular:
    case EntryType::hardlink:
    case EntryType::stream:
      return '-';
    case EntryType::directory:
      return 'd';
    case EntryType::symlink:
      return 'l';
    case EntryType::fifo:
      return 'p';
    case EntryType::socket:
      return 's';
    case EntryType::char_device:
      return 'c';
    case EntryType::block_device:
      return 'b';
  }
  return '?';
}

std::string mode_text(const Entry& entry) {
  constexpr std::string_view kLetters = "rwxrwxrwx";
  std::string text(1, type_letter(entry.type));
  for (unsigned at = 0; at < 9; ++at) text += (entry.mode & (0400U >> at)) != 0 ? kLetters[at] : '-';
  const auto special = [&](unsigned bit, std::size_t at, char with_x, char without) {
    if ((entry.mode & bit) != 0) text[at] = text[at] == 'x' ? with_x : without;
  };
  special(04000, 3, 's', 'S');
  special(02000, 6, 's', 'S');
  special(01000, 9, 't', 'T');
  return text;
}

std::string line_of(const Entry& entry) {
  std::string line = mode_text(entry) + " " +
                     left(visible(entry.user.empty() ? std::to_string(entry.uid) : entry.user), 8) + " " +
                     left(visible(entry.group.empty() ? std::to_string(entry.gid) : entry.group), 8) + " " +
                     right(std::to_string(entry.size_bytes), 12) + " " + local_time(entry.mtime_ns) + " " +
                     visible(entry.path.empty() ? "." : entry.path);
  if (entry.type == EntryType::symlink) line += " -> " + visible(entry.link_target);
  if (entry.type == EntryType::hardlink) line += " = " + visible(entry.link_target);
  if (entry.problem)
    line += "  [" + std::string(error_code_name(entry.problem->code)) + ": " + visible(entry.problem->message) + "]";
  return line + "\n";
}

Result<int> run_ls(Session& session, const ListArguments& arguments) {
  DRKIT_ASSIGN(const Repository repository, session.open(arguments.repository));
  DRKIT_ASSIGN(const Snapshot snapshot, repository.find_snapshot(session.context(), arguments.snapshot));
  const std::string path = clean_path(arguments.path);
  JsonList list(session, "entries");
  std::uint64_t seen = 0;
  Result<void> result = list_entries(session.context(), repository, snapshot, path, [&](const Entry& entry) {
    ++seen;
    if (session.json()) {
      list.add(entry_json(entry));
    } else {
      session.print(line_of(entry));
    }
    return true;
  });
  if (result && seen == 0 && !path.empty()) {
    result = Error(ErrorCode::not_found, "the snapshot has no such path").with("path", path);
  }
  if (session.json()) return list.close(result);
  if (!result) return std::move(result).error();
  return kComplete;
}

}  // namespace

void add_ls(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* verb = session.add_verb(app, "ls", "List the files of a snapshot", "drkit ls /srv/backup latest etc");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("SNAPSHOT", arguments->snapshot, "An id, the start of one, latest, or latest:SOURCE")->required();
  verb->add_option("PATH", arguments->path, "Only at and below this path");
  session.on(verb, [arguments](Session& s) { return run_ls(s, *arguments); });
}

}  // namespace cli
