// drkit diff: what changed between two snapshots.
#include <array>

#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct DiffArguments {
  std::string repository;
  std::string a;
  std::string b;
};

std::string_view change_name(Change change) {
  switch (change) {
    case Change::added:
      return "added";
    case Change::removed:
      return "removed";
    case Change::modified:
      return "modified";
  }
  return "unknown";
}

std::string change_line(Change change, const Entry& entry) {
  const char letter = change == Change::added ? '+' : change == Change::removed ? '-' : 'M';
  return std::string(1, letter) + " " + visible(entry.path.empty() ? "." : entry.path) +
         (entry.type == EntryType::directory && !entry.path.empty() ? "/" : "") + "\n";
}

Json change_json(Change change, const Entry& entry) {
  Json object;
  object["change"] = change_name(change);
  object.update(entry_json(entry));
  return object;
}

Result<int> run_diff(Session& session, const DiffArguments& arguments) {
  DRKIT_ASSIGN(const Repository repository, session.open(arguments.repository));
  DRKIT_ASSIGN(const Snapshot a, repository.find_snapshot(session.context(), arguments.a));
  DRKIT_ASSIGN(const Snapshot b, repository.find_snapshot(session.context(), arguments.b));
  JsonList list(session, "changes");
  std::array<std::uint64_t, 3> counts{};
  Result<void> result = diff(session.context(), repository, a, b, [&](Change change, const Entry& entry) {
    ++counts[static_cast<std::size_t>(change)];
    if (session.json()) {
      list.add(change_json(change, entry));
    } else {
      session.print(change_line(change, entry));
    }
    return true;
  });
  if (session.json())
    return list.close(result, {{"added", counts[0]}, {"removed", counts[1]}, {"modified", counts[2]}});
  if (!result) return std::move(result).error();
  if (!session.quiet()) {
    session.screen().line(human_count(counts[0]) + " added, " + human_count(counts[1]) + " removed, " +
                          human_count(counts[2]) + " modified");
  }
  return kComplete;
}

}  // namespace

void add_diff(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<DiffArguments>();
  CLI::App* verb = session.add_verb(app, "diff", "Show what changed from snapshot A to snapshot B",
                                    "drkit diff /srv/backup 3f2a91c0 latest");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("A", arguments->a, "The older snapshot")->required();
  verb->add_option("B", arguments->b, "The newer snapshot")->required();
  session.on(verb, [arguments](Session& s) { return run_diff(s, *arguments); });
}

}  // namespace cli
