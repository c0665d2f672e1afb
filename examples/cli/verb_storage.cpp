// drkit storage probe: is this place safe for a repository?
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

}  // namespace

void add_storage(CLI::App& app, Session& session) {
  CLI::App* group = app.add_subcommand("storage", "Look at a storage itself");
  group->require_subcommand(1);
  group->footer("Example:\n  drkit storage probe sftp://backup@host/srv/backup");
  auto arguments = std::make_shared<ProbeArguments>();
  CLI::App* verb = session.add_verb(*group, "probe", "Try what a storage really does, and whether it is safe",
                                    "drkit storage probe sftp://backup@host/srv/backup", false);
  session.add_storage_options(verb);
  verb->add_option("URL", arguments->address, "The storage; nothing that is there is touched")->required();
  verb->add_option("--object-size", arguments->object_size, "Size of the large objects (default 8MiB)");
  verb->add_option("--small-objects", arguments->small_objects, "How many small objects are put for the rate")
      ->check(CLI::Range(1, 10000));
  session.on(verb, [arguments](Session& s) { return run_probe(s, *arguments); });
}

}  // namespace cli
