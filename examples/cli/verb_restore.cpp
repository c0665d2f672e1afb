// drkit restore: a snapshot into a directory, a command or standard output.
#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct RestoreArguments {
  std::string repository;
  std::string snapshot;
  std::string target;
  RestoreOptions options;
  bool plan = false;
  bool no_owners = false;
  std::vector<std::string> tablespaces;
  std::string tablespaces_under;
  TargetOptions target_options;
};

Result<TargetOptions> target_options(const RestoreArguments& arguments) {
  TargetOptions options = arguments.target_options;
  for (const std::string& mapping : arguments.tablespaces) {
    DRKIT_ASSIGN(auto pair, parse_pair(mapping, "a tablespace"));
    options.tablespaces.insert_or_assign(std::move(pair.first), std::move(pair.second));
  }
  options.all_tablespaces_under = arguments.tablespaces_under;
  return options;
}

std::string removals_text(const Removals& removals) {
  std::string text = "would remove " + human_count(removals.entries) + " entries that are not in the snapshot:";
  for (const std::string& path : removals.first) text += "\n  " + visible(path);
  if (removals.entries > removals.first.size()) text += "\n  ...";
  return text;
}

Result<int> show_plan(Session& session, const RestorePlan& plan) {
  const RestoreStats& stats = plan.stats;
  if (session.json()) {
    RestoreResult planned;
    planned.stats = stats;
    Json first = Json::array();
    for (const std::string& path : plan.removals.first) first.push_back(to_utf8(path));
    session.print_document({{"status", "complete"},
                            {"plan", Json::parse(to_json(planned))["stats"]},
                            {"removals", {{"entries", plan.removals.entries}, {"first", first}}}});
  }
  session.summary("would restore " + human_count(stats.entries) + " entries, " + human_count(stats.files) + " files, " +
                  human_bytes(stats.bytes));
  if (stats.problems > 0) session.summary("the snapshot lacks " + human_count(stats.problems) + " of them");
  if (plan.removals.entries > 0) session.summary(removals_text(plan.removals));
  return kComplete;
}

void show(Session& session, const RestoreResult& result, bool to_output) {
  const RestoreStats& stats = result.stats;
  const double seconds = static_cast<double>(stats.duration_ns) / 1e9;
  const auto rate = seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(stats.bytes_written) / seconds) : 0;
  const std::string text = "restored " + human_count(stats.files) + " files, " + human_bytes(stats.bytes) + " in " +
                           human_duration(stats.duration_ns) + ", " + human_bytes(rate) + "/s; wrote " +
                           human_bytes(stats.bytes_written) + ", kept " + human_bytes(stats.bytes_kept) + "; " +
                           std::string(status_name(result.status));
  if (to_output && !session.quiet()) {
    session.screen().line(text);
  } else {
    session.summary(text);
  }
}

Result<int> run_restore(Session& session, const RestoreArguments& arguments) {
  const bool to_output = arguments.target == "-";
  if (to_output && session.json()) {
    return Error(ErrorCode::invalid_argument, "standard output takes the data: --json does not fit");
  }
  DRKIT_ASSIGN(const TargetOptions place, target_options(arguments));
  DRKIT_ASSIGN(const Repository repository, session.open(arguments.repository));
  DRKIT_ASSIGN(const Snapshot snapshot, repository.find_snapshot(session.context(), arguments.snapshot));
  RestoreOptions options = arguments.options;
  options.owners = !arguments.no_owners;
  DRKIT_ASSIGN(const std::unique_ptr<RestoreTarget> target,
               open_target(session.context(), arguments.target, snapshot, place));
  if (arguments.plan) {
    DRKIT_ASSIGN(const RestorePlan plan, plan_restore(session.context(), repository, snapshot, *target, options));
    return show_plan(session, plan);
  }
  DRKIT_ASSIGN(const RestoreResult result, restore(session.context(), repository, snapshot, *target, options));
  session.screen().clear();
  if (session.json()) session.print_document(Json::parse(to_json(result)));
  show(session, result, to_output);
  session.problems(result.problems, result.stats.problems);
  return exit_code(result.status);
}

}  // namespace

void add_restore(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<RestoreArguments>();
  CLI::App* verb = session.add_verb(app, "restore", "Restore a snapshot into an empty directory",
                                    "drkit restore /srv/backup latest /var/lib/postgresql/15/main");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("SNAPSHOT", arguments->snapshot, "An id, the start of one, latest, or latest:SOURCE")->required();
  verb->add_option("TARGET", arguments->target,
                   "A directory; exec:COMMAND or - for streams; postgres:CONNINFO for dumps")
      ->required();
  verb->add_option("--include", arguments->options.includes, "Glob of what to restore; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--exclude", arguments->options.excludes, "Glob of what to leave out; repeatable")
      ->allow_extra_args(false);
  verb->add_flag("--delta", arguments->options.delta,
                 "Over an existing tree: write what differs, remove what is not in the snapshot (nothing is removed "
                 "with --include or --exclude, nor what the backup could not read)");
  verb->add_flag("--plan", arguments->plan, "Say what would be done, what --delta would remove too, and do nothing");
  verb->add_flag("--no-owners", arguments->no_owners, "Leave the owners as they come");
  verb->add_option("--tablespace", arguments->tablespaces,
                   "PostgreSQL: OLD=NEW, a location, an OID or (dump) a name to a new directory; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--tablespaces-under", arguments->tablespaces_under,
                   "PostgreSQL: every other tablespace to DIR/OID");
  TargetOptions& target = arguments->target_options;
  verb->add_flag("--standby", target.keep_standby,
                 "PostgreSQL: restore the snapshot of a standby as a standby of the same primary");
  verb->add_flag("--no-tablespaces", target.no_tablespaces, "PostgreSQL, dump: everything to the default tablespace");
  verb->add_option("--jobs", target.jobs, "PostgreSQL, dump: jobs of pg_restore (default 2)")
      ->check(CLI::Range(1, 256));
  verb->add_option("--bin-dir", target.bin_dir,
                   "PostgreSQL, dump: folder of pg_restore and psql (default: looked for)");
  session.on(verb, [arguments](Session& s) { return run_restore(s, *arguments); });
}

}  // namespace cli
