// drkit snapshots: what the repository keeps.
#include <algorithm>

#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct SnapshotsArguments {
  std::string repository;
  std::vector<std::string> tags;
  std::string source;
};

std::string tag_text(const Snapshot& snapshot) {
  std::string text;
  for (const auto& [key, value] : snapshot.tags) text += (text.empty() ? "" : ",") + key + "=" + value;
  return text;
}

std::vector<std::string> cells(const Snapshot& snapshot) {
  return {snapshot.id.substr(0, 8),
          local_time(snapshot.time_ns),
          visible(snapshot.source_kind + ":" + snapshot.source_name),
          human_bytes(snapshot.stats.bytes),
          human_bytes(snapshot.stats.bytes_stored),
          std::string(status_name(snapshot.status)),
          "-",
          visible(tag_text(snapshot))};
}

std::vector<std::string> cells(const DamagedSnapshot& snapshot) {
  return {snapshot.id.substr(0, 8), "?", "?", "?", "?", "damaged", "-", ""};
}

Json list_of(const std::vector<Snapshot>& snapshots) {
  Json list = Json::array();
  for (const Snapshot& snapshot : snapshots) list.push_back(Json::parse(to_json(snapshot)));
  return list;
}

Json list_of(const std::vector<DamagedSnapshot>& damaged) {
  Json list = Json::array();
  for (const DamagedSnapshot& snapshot : damaged) {
    list.push_back({{"id", snapshot.id}, {"error", error_document(snapshot.error)}});
  }
  return list;
}

// Every column as wide as its widest cell; sizes to the right.
void print_table(Session& session, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], width_of(row[at]));
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t at = 0; at < row.size(); ++at) {
      const bool number = at == 3 || at == 4;
      line += (at == 0 ? "" : "  ") + (number ? right(row[at], widths[at]) : left(row[at], widths[at]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    session.print(line + "\n");
  }
}

Result<int> run_snapshots(Session& session, const SnapshotsArguments& arguments) {
  SnapshotFilter filter;
  for (const std::string& tag : arguments.tags) {
    DRKIT_ASSIGN(auto pair, parse_pair(tag, "a tag"));
    filter.tags.insert(std::move(pair));
  }
  filter.source = arguments.source;
  DRKIT_ASSIGN(const Repository repository, session.open(arguments.repository));
  std::vector<DamagedSnapshot> damaged;
  DRKIT_ASSIGN(const std::vector<Snapshot> snapshots, repository.snapshots(session.context(), filter, &damaged));
  for (const DamagedSnapshot& snapshot : damaged) {
    session.screen().line("drkit: snapshot " + snapshot.id + " is damaged: " + snapshot.error.to_string());
  }
  const ExitCode code = damaged.empty() ? kComplete : kDamage;
  if (session.json()) {
    session.print_document({{"status", damaged.empty() ? "complete" : "partial"},
                            {"snapshots", list_of(snapshots)},
                            {"damaged", list_of(damaged)}});
    return code;
  }
  std::vector<std::vector<std::string>> rows;
  if (!session.quiet()) rows.push_back({"ID", "TIME", "SOURCE", "SIZE", "NEW DATA", "STATUS", "LAST PROOF", "TAGS"});
  for (const DamagedSnapshot& snapshot : damaged) rows.push_back(cells(snapshot));
  for (const Snapshot& snapshot : snapshots) rows.push_back(cells(snapshot));
  if (!rows.empty()) print_table(session, rows);
  return code;
}

}  // namespace

void add_snapshots(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<SnapshotsArguments>();
  CLI::App* verb = session.add_verb(app, "snapshots", "List the snapshots, oldest first",
                                    "drkit snapshots /srv/backup --tag env=prod");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("--tag", arguments->tags, "K=V that must be there; repeatable")->allow_extra_args(false);
  verb->add_option("--source", arguments->source, "Only of this source: its name, or kind:name");
  session.on(verb, [arguments](Session& s) { return run_snapshots(s, *arguments); });
}

}  // namespace cli
