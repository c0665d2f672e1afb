// drkit wal: the write-ahead log of PostgreSQL: push, get, list, verify.
#include "verb_wal.hpp"

#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct WalArguments {
  std::string repository;
  std::string file;
  std::string destination;
  std::string spool;
  std::string system_id;
  unsigned batch = 0;
  unsigned prefetch = 0;
  bool up_to_damage = false;
};

// The server asks the same thing many times a minute: what the spool knows is answered before the repository is opened,
// which costs a key derivation. Only whether it is still the same repository is asked of the storage.
Result<bool> is_known(Session& session, const WalArguments& arguments, const WalSpool& spool) {
  const Result<std::string> stored_in = wal_pushed_to(arguments.file, spool);
  if (!stored_in) {
    session.context().write_log(LogLevel::warning, "the spool is of no use: " + stored_in.error().to_string());
  }
  if (!stored_in || stored_in->empty()) return false;
  DRKIT_ASSIGN(const StoragePtr place, session.storage(arguments.repository));
  DRKIT_ASSIGN(const std::string id, read_repository_id(session.context(), *place));
  return id == *stored_in;
}

Result<int> run_push(Session& session, const WalArguments& arguments) {
  WalPushOptions options;
  options.spool = {arguments.spool, arguments.repository};
  options.batch = arguments.batch;
  DRKIT_ASSIGN(options.system_id, parse_system_id(arguments.system_id));
  WalPushResult result{WalPut::was_there, 0};
  DRKIT_ASSIGN(const bool known, is_known(session, arguments, options.spool));
  if (!known) {
    DRKIT_ASSIGN(Repository repository, session.open(arguments.repository));
    DRKIT_ASSIGN(result, push_wal(session.context(), WalArchive(std::move(repository)), arguments.file, options));
  }
  const bool stored = result.outcome == WalPut::stored;
  if (session.json()) {
    session.print_document(
        {{"status", "complete"}, {"outcome", stored ? "stored" : "was_there"}, {"more", result.more}});
  }
  if (result.more > 0) session.summary("and " + human_count(result.more) + " more of the batch");
  return kComplete;
}

Result<void> get(Session& session, const WalArguments& arguments) {
  WalGetOptions options;
  options.spool = {arguments.spool, arguments.repository};
  options.prefetch = arguments.prefetch;
  options.up_to_damage = arguments.up_to_damage;
  DRKIT_ASSIGN(options.system_id, parse_system_id(arguments.system_id));
  // Without the spool it takes longer, nothing else.
  const auto ready = take_prefetched_wal(arguments.file, arguments.destination, options.spool, options.system_id);
  if (ready && *ready) return {};
  if (!ready) session.context().write_log(LogLevel::warning, "the spool is of no use: " + ready.error().to_string());
  DRKIT_ASSIGN(Repository repository, session.open(arguments.repository));
  return get_wal(session.context(), WalArchive(std::move(repository)), arguments.file, arguments.destination, options);
}

// For the server 1 means: the log ends here, carry on with what you have. Nothing but an honest "not there" may say so.
Result<int> run_get(Session& session, const WalArguments& arguments) {
  session.on_lost_output(kServerGivesUp);
  const Result<void> got = get(session, arguments);
  if (got) {
    if (session.json()) session.print_document({{"status", "complete"}});
    return kComplete;
  }
  // Asking for what is not there yet is everyday business: the server's log need not hear of it each time.
  if (session.json() || !is_absent_file(got.error())) session.fail(got.error());
  return is_absent_file(got.error()) ? kWalNotThere : kServerGivesUp;
}

Json object_json(const WalObject& object) {
  Json json;
  json["kind"] = wal_kind_name(object.name.kind);
  json["system_id"] = std::to_string(object.name.system_id);
  json["timeline"] = object.name.timeline;
  json["start_lsn"] = lsn_text(object.name.start);
  json["end_lsn"] = lsn_text(object.name.end);
  json["stored_bytes"] = object.stored_bytes;
  json["modified_ns"] = object.modified_ns;
  json["key"] = object.key;
  json["damaged"] = object.damaged;
  return json;
}

Result<int> run_list(Session& session, const WalArguments& arguments) {
  DRKIT_ASSIGN(const auto system_id, parse_system_id(arguments.system_id));
  DRKIT_ASSIGN(Repository repository, session.open(arguments.repository));
  const WalArchive archive(std::move(repository));
  DRKIT_ASSIGN(const std::vector<WalObject> objects, archive.list(session.context(), system_id));
  if (session.json()) {
    Json list = Json::array();
    for (const WalObject& object : objects) list.push_back(object_json(object));
    session.print_document({{"status", "complete"}, {"wal", std::move(list)}});
    return kComplete;
  }
  for (const WalObject& object : objects) {
    const WalName& name = object.name;
    session.print(std::to_string(name.system_id) + "  " + right(std::to_string(name.timeline), 3) + "  " +
                  left(std::string(wal_kind_name(name.kind)), 8) + right(lsn_text(name.start), 14) +
                  right(name.kind == WalKind::tail ? "?" : lsn_text(name.end), 14) +
                  right(human_bytes(object.stored_bytes), 12) + (object.damaged ? "  damaged" : "") + "\n");
  }
  return kComplete;
}

}  // namespace

void add_wal(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("wal", "The write-ahead log of PostgreSQL: push, get, list, verify");
  verb->require_subcommand(1);
  verb->footer(
      "Example, in postgresql.conf:\n"
      "  archive_command = 'drkit wal push /srv/backup %p --key-file /etc/drkit/writer.key'");
  auto arguments = std::make_shared<WalArguments>();
  const auto sub = [&](const char* name, const char* what, const char* example,
                       Result<int> (*run)(Session&, const WalArguments&)) {
    CLI::App* part = session.add_verb(*verb, name, what, example);
    part->add_option("REPO", arguments->repository, "The repository")->required();
    part->add_option("--system-id", arguments->system_id, "The cluster, when it cannot be found out");
    session.on(part, [arguments, run](Session& s) { return run(s, *arguments); });
    return part;
  };
  CLI::App* push =
      sub("push", "Store a file of pg_wal; for archive_command", "drkit wal push /srv/backup %p", run_push);
  push->add_option("FILE", arguments->file, "The file: %p")->required();
  push->add_option("--spool", arguments->spool, "Folder that remembers what was stored");
  push->add_option("--batch", arguments->batch, "Store so many more files that wait; needs --spool")->needs("--spool");
  CLI::App* get =
      sub("get", "Fetch a file of the log; for restore_command", "drkit wal get /srv/backup %f %p", run_get);
  get->add_option("NAME", arguments->file, "Its name: %f")->required();
  get->add_option("DESTINATION", arguments->destination, "Where to write it: %p")->required();
  get->add_option("--spool", arguments->spool, "Folder for segments fetched ahead");
  get->add_option("--prefetch", arguments->prefetch, "Segments to fetch ahead; needs --spool")->needs("--spool");
  get->add_flag("--up-to-damage", arguments->up_to_damage,
                "Deliver a last segment that is damaged as far as it can be read: for targets before that");
  get->footer("Exit codes: 0 delivered, 1 not in the repository, 126 anything else.");
  sub("list", "Show the log that the repository holds", "drkit wal list /srv/backup", run_list);
  add_wal_verify(*verb, session);
  add_wal_receive(*verb, session);
}

}  // namespace cli
