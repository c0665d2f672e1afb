// drkit pitr: a cluster as it was at a point in time.
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "text.hpp"
#include "time_text.hpp"
#include "verb_wal.hpp"

namespace cli {
namespace {

using namespace drkit;

struct PitrArguments {
  std::string repository;
  std::string data_dir;
  std::string to, time, lsn, name, timeline, system_id;
  std::uint32_t xid = 0;
  bool immediate = false, latest = false, exclusive = false, plan = false, start = false;
  bool keep_archiving = false, unread = false, delta = false;
  std::string snapshot;
  std::string action = "promote";
  std::string restore_command;
  std::string spool;
  unsigned prefetch = 8;
  std::vector<std::string> tablespaces;
  std::string tablespaces_under;
  PitrStartOptions start_options;
};

// "latest", "immediate", a position, a number, a time; anything else is a name. "time:", "lsn:", "xid:" and "name:" in
// front say which.
PitrArguments explained(PitrArguments arguments) {
  const std::string to = std::exchange(arguments.to, {});
  const auto take = [&](std::string_view prefix, std::string& into) {
    if (to.starts_with(prefix)) into = to.substr(prefix.size());
    return to.starts_with(prefix);
  };
  std::string xid;
  if (to.empty() || take("time:", arguments.time) || take("lsn:", arguments.lsn) || take("name:", arguments.name)) {
    return arguments;
  }
  const bool number = take("xid:", xid) || to.find_first_not_of("0123456789") == std::string::npos;
  if (number) {
    arguments.xid = static_cast<std::uint32_t>(std::strtoul((xid.empty() ? to : xid).c_str(), nullptr, 10));
  } else if (to == "latest") {
    arguments.latest = true;
  } else if (to == "immediate") {
    arguments.immediate = true;
  } else if (parse_lsn(to)) {
    arguments.lsn = to;
  } else if (parse_time(to)) {
    arguments.time = to;
  } else {
    arguments.name = to;
  }
  return arguments;
}

Result<PitrTarget> target_of(const PitrArguments& given) {
  const PitrArguments arguments = explained(given);
  PitrTarget target;
  int count = given.to.empty() ? 0 : given.time.empty() && given.lsn.empty() && given.name.empty() ? 0 : 1;
  const auto choose = [&](bool here, PitrKind kind) {
    if (here) target.kind = kind, ++count;
  };
  choose(!arguments.time.empty(), PitrKind::time);
  choose(!arguments.lsn.empty(), PitrKind::lsn);
  choose(!arguments.name.empty(), PitrKind::name);
  choose(arguments.xid != 0, PitrKind::xid);
  choose(arguments.immediate, PitrKind::immediate);
  choose(arguments.latest, PitrKind::latest);
  if (count != 1) {
    return Error(ErrorCode::invalid_argument,
                 "give exactly one of --to, --time, --lsn, --xid, --name, --immediate and --latest");
  }
  if (target.kind == PitrKind::time) {
    DRKIT_ASSIGN(target.time_ns, parse_time(arguments.time));
  }
  if (target.kind == PitrKind::lsn) {
    DRKIT_ASSIGN(target.lsn, parse_lsn(arguments.lsn));
  }
  target.xid = arguments.xid;
  target.name = arguments.name;
  target.inclusive = !arguments.exclusive;
  return target;
}

std::string shell_word(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

// The server replaces %x in its command.
std::string server_word(const std::string& text) {
  std::string word;
  for (const char c : shell_word(text)) word += c == '%' ? std::string("%%") : std::string(1, c);
  return word;
}

// The server must reach the storage as this command does. What came from the environment it inherits when it is started
// here, and has to be given when it is started otherwise.
std::string storage_words(const AccessOptions& access) {
  std::string words;
  const auto add = [&](const char* option, const std::string& value, bool file) {
    if (!value.empty()) {
      words += std::string(" ") + option + " " + server_word(file ? std::filesystem::absolute(value).string() : value);
    }
  };
  add("--storage-user", access.user, false);
  add("--storage-password-file", access.password_file, true);
  add("--storage-key-file", access.key_file, true);
  add("--ca-file", access.ca_file, true);
  add("--client-cert", access.client_certificate_file, true);
  add("--client-cert-key", access.client_key_file, true);
  add("--proxy", access.proxy, false);
  return words;
}

Result<std::string> restore_command(const Session& session, const PitrArguments& arguments, bool up_to_damage) {
  if (!arguments.restore_command.empty()) return arguments.restore_command;
  const SecretOptions& secrets = session.options().secrets;
  if (secrets.key_file.empty() && secrets.password_file.empty()) {
    return Error(ErrorCode::invalid_argument,
                 "the server must open the repository too: give --key-file, --password-file or --restore-command");
  }
  const auto absolute = [](const std::string& path) { return std::filesystem::absolute(path).string(); };
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  if (length <= 0) return Error(ErrorCode::io, "cannot find out the path of this program: give --restore-command");
  const bool is_path = arguments.repository.find(':') == std::string::npos;
  std::string command = server_word(std::string(self, static_cast<std::size_t>(length))) + " wal get " +
                        server_word(is_path ? absolute(arguments.repository) : arguments.repository) + " %f %p";
  if (!secrets.key_file.empty()) command += " --key-file " + server_word(absolute(secrets.key_file));
  if (secrets.key_file.empty()) command += " --password-file " + server_word(absolute(secrets.password_file));
  command += storage_words(session.options().access);
  command += " --cache-dir ''";
  // Only a target tells the server where to stop.
  if (up_to_damage) command += " --up-to-damage";
  if (!arguments.spool.empty()) {
    command +=
        " --spool " + server_word(absolute(arguments.spool)) + " --prefetch " + std::to_string(arguments.prefetch);
  }
  return command;
}

Json timelines_json(const PitrPlan& plan) {
  Json list = Json::array();
  for (const PitrTimeline& end : plan.timelines) {
    list.push_back({{"timeline", end.timeline},
                    {"end_lsn", lsn_text(end.end_lsn)},
                    {"end_time", end.end_time_ns == 0 ? "" : utc_time(end.end_time_ns)}});
  }
  return list;
}

Json plan_json(const PitrPlan& plan) {
  return {
      {"snapshot", plan.snapshot.id},        {"system_id", std::to_string(plan.system_id)},
      {"timeline", plan.timeline},           {"start_lsn", lsn_text(plan.start_lsn)},
      {"stop_lsn", lsn_text(plan.stop_lsn)}, {"stop_time", plan.stop_time_ns == 0 ? "" : utc_time(plan.stop_time_ns)},
      {"stop_time_ns", plan.stop_time_ns},   {"wal_bytes", plan.wal_bytes},
      {"ended_by", plan.ended_by},           {"log_was_read", plan.log_was_read},
      {"timelines", timelines_json(plan)}};
}

Json reached_json(const PitrReached& reached) {
  return {{"finished", reached.finished}, {"timeline", reached.timeline},
          {"lsn", lsn_text(reached.lsn)}, {"time", reached.time_ns == 0 ? "" : utc_time(reached.time_ns)},
          {"time_ns", reached.time_ns},   {"message", to_utf8(reached.message)}};
}

PitrAction action_of(const std::string& name) {
  return name == "pause" ? PitrAction::pause : name == "shutdown" ? PitrAction::shutdown : PitrAction::promote;
}

Result<PitrPlan> make_plan(Session& session, const Repository& repository, const PitrArguments& arguments,
                           PitrTarget target) {
  PitrOptions options;
  options.target = std::move(target);
  DRKIT_ASSIGN(options.system_id, parse_system_id(arguments.system_id));
  if (!arguments.timeline.empty()) {
    DRKIT_ASSIGN(options.timeline, parse_timeline(arguments.timeline));
  }
  options.snapshot = arguments.snapshot;
  options.read_log = !arguments.unread;
  return plan_pitr(session.context(), repository, options);
}

Result<RestoreResult> restore_snapshot(Session& session, const Repository& repository, const PitrPlan& plan,
                                       const PitrArguments& arguments) {
  TargetOptions place;
  for (const std::string& mapping : arguments.tablespaces) {
    DRKIT_ASSIGN(auto pair, parse_pair(mapping, "a tablespace"));
    place.tablespaces.insert_or_assign(std::move(pair.first), std::move(pair.second));
  }
  place.all_tablespaces_under = arguments.tablespaces_under;
  DRKIT_ASSIGN(const std::unique_ptr<RestoreTarget> target,
               open_target(session.context(), arguments.data_dir, plan.snapshot, place));
  RestoreOptions options;
  options.delta = arguments.delta;
  return restore(session.context(), repository, plan.snapshot, *target, options);
}

void show_plan(Session& session, const PitrPlan& plan) {
  const auto time = [](std::int64_t ns) { return ns == 0 ? std::string() : " (" + utc_time(ns) + ")"; };
  session.summary("snapshot " + plan.snapshot.id.substr(0, 8) + time(plan.snapshot.time_ns) + ", log from " +
                  lsn_text(plan.start_lsn) + " to " + lsn_text(plan.stop_lsn) + " on timeline " +
                  std::to_string(plan.timeline) + " (" + human_bytes(plan.wal_bytes) +
                  (plan.log_was_read ? ", read and sound)" : ", not read)"));
  if (plan.stop_time_ns != 0) session.summary("the last transaction in it ended at " + utc_time(plan.stop_time_ns));
  for (const PitrTimeline& end : plan.timelines) {
    session.summary("  timeline " + std::to_string(end.timeline) + " leads to " + lsn_text(end.end_lsn) +
                    time(end.end_time_ns) + (end.timeline == plan.timeline ? ": taken" : ": --timeline chooses it"));
  }
}

Result<int> run_pitr(Session& session, const PitrArguments& arguments) {
  PitrSettings settings;
  DRKIT_ASSIGN(PitrTarget target, target_of(arguments));
  if (!arguments.plan) {
    const bool has_end = target.kind != PitrKind::latest;
    DRKIT_ASSIGN(settings.restore_command, restore_command(session, arguments, has_end));
  }
  settings.action = action_of(arguments.action);
  settings.keep_archiving = arguments.keep_archiving;
  DRKIT_ASSIGN(const Repository repository, session.open(arguments.repository));
  DRKIT_ASSIGN(const PitrPlan plan, make_plan(session, repository, arguments, std::move(target)));
  Json document{{"status", "complete"}, {"plan", plan_json(plan)}};
  show_plan(session, plan);
  int code = kComplete;
  if (!arguments.plan) {
    DRKIT_ASSIGN(const RestoreResult restored, restore_snapshot(session, repository, plan, arguments));
    code = exit_code(restored.status);
    DRKIT_TRY(write_pitr_settings(arguments.data_dir, plan, settings));
    session.summary("restored " + human_bytes(restored.stats.bytes) + "; the server recovers when it is started");
    document["restore"] = Json::parse(to_json(restored))["stats"];
  }
  if (arguments.start && !arguments.plan) {
    PitrStartOptions start = arguments.start_options;
    start.environment = storage_environment();
    DRKIT_ASSIGN(const PitrReached reached,
                 start_pitr(session.context(), arguments.data_dir, plan, settings.action, start));
    document["reached"] = reached_json(reached);
    if (!reached.finished) {
      return Error(ErrorCode::precondition_failed, "the server did not reach the target: " + reached.message);
    }
    session.summary("reached " + lsn_text(reached.lsn) + " (" + to_utf8(reached.message) + ")" +
                    (reached.time_ns == 0 ? "" : ", last transaction " + utc_time(reached.time_ns)) + ", timeline " +
                    std::to_string(reached.timeline));
  }
  if (session.json()) session.print_document(document);
  return code;
}

}  // namespace

void add_pitr(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<PitrArguments>();
  CLI::App* verb = session.add_verb(app, "pitr", "Restore a PostgreSQL cluster as it was at a point in time",
                                    "drkit pitr /srv/backup /var/lib/postgresql/15/main --time '2026-11-21 "
                                    "03:31:00+00' --key-file /etc/drkit/full.key");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  CLI::Option* data = verb->add_option("DATADIR", arguments->data_dir, "Where the cluster shall be; empty or absent");
  verb->add_option("--to", arguments->to, "A time, position (1/A0), transaction, restore point, immediate or latest");
  verb->add_option("--time", arguments->time, "Up to this time, RFC 3339; without a zone: the machine's");
  verb->add_option("--lsn", arguments->lsn, "Up to this position in the log");
  verb->add_option("--xid", arguments->xid, "Up to the end of this transaction");
  verb->add_option("--name", arguments->name, "Up to this restore point");
  verb->add_flag("--immediate", arguments->immediate, "As soon as the snapshot is consistent");
  verb->add_flag("--latest", arguments->latest, "To the end of the log");
  verb->add_flag("--exclusive", arguments->exclusive, "Stop just before the target instead of just behind it");
  verb->add_option("--timeline", arguments->timeline, "Which timeline (default: where the newest snapshot leads)");
  verb->add_option("--system-id", arguments->system_id, "Which cluster, when there are several");
  verb->add_option("--snapshot", arguments->snapshot, "From this snapshot (default: the newest that leads there)");
  CLI::Option* plan = verb->add_flag("--plan", arguments->plan, "Say what would be done, and do nothing");
  verb->add_option("--action", arguments->action, "At the target: promote, pause or shutdown")
      ->check(CLI::IsMember({"promote", "pause", "shutdown"}));
  verb->add_option("--restore-command", arguments->restore_command, "Instead of `drkit wal get` with this key");
  verb->add_option("--spool", arguments->spool, "Folder for log fetched ahead; the server must be able to write to it");
  verb->add_option("--prefetch", arguments->prefetch, "Segments fetched ahead (default 8)");
  verb->add_option("--tablespace", arguments->tablespaces, "OLD=NEW; repeatable")->allow_extra_args(false);
  verb->add_option("--tablespaces-under", arguments->tablespaces_under, "Every other tablespace to DIR/OID");
  verb->add_flag("--delta", arguments->delta, "Over what an interrupted restore left, writing only what differs");
  verb->add_flag("--keep-archiving", arguments->keep_archiving,
                 "The recovered server archives as the original did: it is the cluster from now on");
  verb->add_flag("--unread", arguments->unread, "Believe the names and sizes of the log instead of reading it first");
  verb->add_flag("--start", arguments->start, "Start the server and report the point that it reached");
  verb->add_option("--bin-dir", arguments->start_options.bin_dir, "Folder of the server's programs");
  verb->add_option("--server-options", arguments->start_options.server_options, "More options for postgres");
  session.on(verb, [arguments, data, plan](Session& s) -> Result<int> {
    if (data->count() == 0 && plan->count() == 0) {
      return Error(ErrorCode::invalid_argument, "say where the cluster shall be");
    }
    return run_pitr(s, *arguments);
  });
}

}  // namespace cli
