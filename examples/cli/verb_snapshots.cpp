// drkit snapshots: what the repository keeps.
#include <algorithm>

#include "text.hpp"
#include "verb_wal.hpp"

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

// What the stored log adds to the snapshots.
struct LogFacts {
  struct Gap {
    WalName name;
    std::string note;
  };
  std::vector<RecoveryWindow> windows;
  std::vector<Gap> gaps;

  std::vector<RecoveryWindow> of(const Snapshot& snapshot) const {
    std::vector<RecoveryWindow> own;
    for (const RecoveryWindow& window : windows) {
      if (window.snapshot == snapshot.id) own.push_back(window);
    }
    return own;
  }
};

Result<LogFacts> read_log(const Context& ctx, const Repository& repository, const std::vector<Snapshot>& snapshots) {
  LogFacts log;
  const auto is_postgres = [](const Snapshot& snapshot) { return snapshot.source_kind == "postgres"; };
  if (std::none_of(snapshots.begin(), snapshots.end(), is_postgres)) return log;
  // A write key may not know which snapshot leads where; what is lost it may.
  if (repository.role() == KeyRole::full) {
    DRKIT_ASSIGN(log.windows, recovery_window(ctx, repository));
  }
  const WalArchive archive(repository);
  DRKIT_ASSIGN(const std::vector<WalObject> objects, archive.list(ctx, std::nullopt));
  for (const WalObject& object : objects) {
    if (object.name.kind != WalKind::gap) continue;
    DRKIT_ASSIGN(const WalFacts facts, archive.facts(ctx, object.name));
    log.gaps.push_back({object.name, facts.note});
  }
  return log;
}

// The newest moment that the snapshot leads to on each timeline, and whether log that is missing ends it there.
std::string reach_text(const std::vector<RecoveryWindow>& windows) {
  std::string text;
  for (const RecoveryWindow& window : windows) {
    text += (text.empty() ? "" : ", ") + local_time(window.end_time_ns);
    if (windows.size() > 1) text += " on " + std::to_string(window.timeline);
    if (window.ended_by != "end of log") text += " (" + window.ended_by + ")";
  }
  return text.empty() ? "-" : text;
}

void print_gaps(Session& session, const LogFacts& log) {
  for (const LogFacts::Gap& gap : log.gaps) {
    session.print("gap  cluster " + std::to_string(gap.name.system_id) + "  timeline " +
                  std::to_string(gap.name.timeline) + "  " + lsn_text(gap.name.start) + " .. " +
                  lsn_text(gap.name.end) + "  " + visible(gap.note) + "\n");
  }
}

Json gaps_json(const LogFacts& log) {
  Json list = Json::array();
  for (const LogFacts::Gap& gap : log.gaps) {
    list.push_back({{"system_id", std::to_string(gap.name.system_id)},
                    {"timeline", gap.name.timeline},
                    {"start_lsn", lsn_text(gap.name.start)},
                    {"end_lsn", lsn_text(gap.name.end)},
                    {"note", to_utf8(gap.note)}});
  }
  return list;
}

Json snapshots_json(const std::vector<Snapshot>& snapshots, const LogFacts& log) {
  Json list = Json::array();
  for (const Snapshot& snapshot : snapshots) {
    Json one = Json::parse(to_json(snapshot));
    if (snapshot.source_kind == "postgres") {
      one["recovery"] = Json::array();
      for (const RecoveryWindow& window : log.of(snapshot)) one["recovery"].push_back(window_json(window));
    }
    list.push_back(std::move(one));
  }
  return list;
}

std::vector<std::string> cells(const Snapshot& snapshot, const LogFacts& log) {
  return {snapshot.id.substr(0, 8),
          local_time(snapshot.time_ns),
          visible(snapshot.source_kind + ":" + snapshot.source_name),
          human_bytes(snapshot.stats.bytes),
          human_bytes(snapshot.stats.bytes_stored),
          std::string(status_name(snapshot.status)),
          "-",
          reach_text(log.of(snapshot)),
          visible(tag_text(snapshot))};
}

std::vector<std::string> cells(const DamagedSnapshot& snapshot) {
  return {snapshot.id.substr(0, 8), "?", "?", "?", "?", "damaged", "-", "-", ""};
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
  const auto log = read_log(session.context(), repository, snapshots);
  // The list itself is worth having when the log cannot be looked at.
  if (!log) session.context().write_log(LogLevel::warning, "the log is not shown: " + log.error().to_string());
  const LogFacts facts = log ? *log : LogFacts{};
  const ExitCode code = damaged.empty() ? kComplete : kDamage;
  if (session.json()) {
    session.print_document({{"status", damaged.empty() ? "complete" : "partial"},
                            {"snapshots", snapshots_json(snapshots, facts)},
                            {"damaged", list_of(damaged)},
                            {"gaps", gaps_json(facts)}});
    return code;
  }
  std::vector<std::vector<std::string>> rows;
  if (!session.quiet()) {
    rows.push_back({"ID", "TIME", "SOURCE", "SIZE", "NEW DATA", "STATUS", "LAST PROOF", "RECOVERS TO", "TAGS"});
  }
  for (const DamagedSnapshot& snapshot : damaged) rows.push_back(cells(snapshot));
  for (const Snapshot& snapshot : snapshots) rows.push_back(cells(snapshot, facts));
  if (!rows.empty()) print_table(session, rows);
  if (!facts.windows.empty()) {
    session.summary("RECOVERS TO goes by the names and sizes of the stored log; `drkit wal verify` looks closer");
  }
  print_gaps(session, facts);
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
