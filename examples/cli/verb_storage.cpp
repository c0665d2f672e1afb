// drkit storage: is this place safe for a repository, and how long is it protected?
#include <drkit/object_lock.hpp>
#include <drkit/probe.hpp>

#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct ProbeArguments {
  std::string address;
  std::string object_size = "8MiB";
  unsigned small_objects = 32;
};

Result<int> run_probe(Session& session, const ProbeArguments& arguments) {
  ProbeOptions options;
  DRKIT_ASSIGN(options.object_bytes, parse_size(arguments.object_size));
  options.small_objects = arguments.small_objects;
  StorageOptions place;
  place.create = true;
  DRKIT_ASSIGN(const StoragePtr storage, session.storage(arguments.address, place));
  DRKIT_ASSIGN(const ProbeReport report, probe_storage(session.context(), *storage, options));
  session.screen().clear();
  if (session.json()) {
    session.print_document(
        {{"status", report.safe() ? "complete" : "failed"}, {"probe", Json::parse(to_json(report))}});
  }
  for (const ProbeItem& item : report.items) {
    session.summary(left(item.id, 18) + left(std::string(probe_verdict_name(item.verdict)), 10) +
                    visible(item.explanation));
  }
  session.summary("\n" + visible(report.storage) + ": " + visible(report.summary));
  return report.safe() ? kComplete : kFailed;
}

struct RetainArguments {
  std::string address;
  unsigned days = 0;
  std::string legal_hold;
};

Result<int> run_retain(Session& session, const RetainArguments& arguments) {
  constexpr std::int64_t kDayNs = 24LL * 3600 * 1'000'000'000;
  RetainOptions options;
  if (arguments.days > 0) options.until_ns = session.context().clock->wall_ns() + arguments.days * kDayNs;
  if (!arguments.legal_hold.empty()) options.legal_hold = arguments.legal_hold == "on";
  DRKIT_ASSIGN(const StorageOptions place, session.with_access());
  DRKIT_ASSIGN(const RetainReport report, retain_objects(session.context(), arguments.address, place, options));
  session.screen().clear();
  const Status status = report.failures.empty() ? Status::complete : Status::partial;
  if (session.json()) {
    Json failures = Json::array();
    for (const RetainFailure& one : report.failures) failures.push_back({{"key", one.key}, {"reason", one.reason}});
    session.print_document({{"status", status == Status::complete ? "complete" : "partial"},
                            {"objects", report.objects},
                            {"bytes", report.bytes},
                            {"failures", std::move(failures)}});
  }
  for (const RetainFailure& one : report.failures) session.summary(visible(one.key) + ": " + visible(one.reason));
  session.summary(std::to_string(report.objects) + " objects protected, " + human_bytes(report.bytes));
  return exit_code(status);
}

Result<int> run_settle(Session& session, const std::string& address) {
  StorageOptions place;
  place.create = true;  // also a copy that has nothing yet is filled
  DRKIT_ASSIGN(const StoragePtr storage, session.storage(address, place));
  if (mirror_control(storage) == nullptr) {
    return Error(ErrorCode::invalid_argument, "only a mirror can be settled: mirror:ADDRESS|ADDRESS");
  }
  DRKIT_ASSIGN(const MirrorHealed settled, session.settle());
  session.screen().clear();
  const Status status = status_with_gaps(Status::complete, settled.left);
  if (session.json()) {
    Json document = {{"status", status == Status::complete ? "complete" : "partial"},
                     {"objects", settled.objects_copied},
                     {"bytes", settled.bytes_copied}};
    add_gaps(document, settled.left);
    session.print_document(document);
  }
  session.summary(human_count(settled.objects_copied) + " objects copied, " + human_bytes(settled.bytes_copied));
  return exit_code(status);
}

void add_probe(CLI::App& group, Session& session) {
  auto arguments = std::make_shared<ProbeArguments>();
  CLI::App* verb = session.add_verb(group, "probe", "Try what a storage really does, and whether it is safe",
                                    "drkit storage probe sftp://backup@host/srv/backup", false);
  session.add_storage_options(verb);
  verb->add_option("URL", arguments->address, "The storage; nothing that is there is touched")->required();
  verb->add_option("--object-size", arguments->object_size, "Size of the large objects (default 8MiB)");
  verb->add_option("--small-objects", arguments->small_objects, "How many small objects are put for the rate")
      ->check(CLI::Range(1, 10000));
  session.on(verb, [arguments](Session& s) { return run_probe(s, *arguments); });
}

void add_retain(CLI::App& group, Session& session) {
  auto arguments = std::make_shared<RetainArguments>();
  CLI::App* verb = session.add_verb(
      group, "retain", "Protect every object of a repository by Object Lock for longer",
      "drkit storage retain 's3://backups/db1?object_lock=compliance&retain_days=30' --days 30", false);
  session.add_storage_options(verb);
  verb->add_option("URL", arguments->address, "s3://bucket/prefix, in a bucket with Object Lock")->required();
  verb->add_option("--days", arguments->days, "From now on; what is protected for longer stays so")
      ->check(CLI::Range(1, 36500));
  verb->add_option("--legal-hold", arguments->legal_hold, "on: nobody deletes until it is off; off: lift it")
      ->check(CLI::IsMember({"on", "off"}));
  session.on(verb, [arguments](Session& s) { return run_retain(s, *arguments); });
}

void add_settle(CLI::App& group, Session& session) {
  auto address = std::make_shared<std::string>();
  CLI::App* verb =
      session.add_verb(group, "settle", "Bring every copy of a mirror what it lacks, also one that is empty",
                       "drkit storage settle 'mirror:/srv/backup|s3://backups/db1'", false);
  session.add_storage_options(verb);
  verb->add_option("URL", *address, "mirror:ADDRESS|ADDRESS; places that are not there are made")->required();
  session.on(verb, [address](Session& s) { return run_settle(s, *address); });
}

}  // namespace

void add_storage(CLI::App& app, Session& session) {
  CLI::App* group =
      app.add_subcommand("storage", "Look at a storage itself, protect what is in it, or fill a mirror's copies");
  group->require_subcommand(1);
  group->footer("Example:\n  drkit storage probe sftp://backup@host/srv/backup");
  add_probe(*group, session);
  add_retain(*group, session);
  add_settle(*group, session);
}

}  // namespace cli
