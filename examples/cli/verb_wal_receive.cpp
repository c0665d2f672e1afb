// drkit wal receive: the log as the server writes it.
#include "text.hpp"
#include "verb_wal.hpp"

namespace cli {
namespace {

using namespace drkit;

struct ReceiveArguments {
  std::string repository;
  std::string conninfo;
  std::string durable = "storage";
  std::string until;
  unsigned store_every_ms = 250;
  std::string store_bytes = "256KiB";
  std::string spool_bytes = "10GiB";
  bool once = false;
  WalReceiveOptions options;
};

Result<int> run_receive(Session& session, ReceiveArguments arguments) {
  WalReceiveOptions& options = arguments.options;
  options.durable = arguments.durable == "spool" ? WalDurable::spool : WalDurable::storage;
  options.store_every = std::chrono::milliseconds(arguments.store_every_ms);
  DRKIT_ASSIGN(options.store_bytes, parse_size(arguments.store_bytes));
  DRKIT_ASSIGN(options.spool_bytes, parse_size(arguments.spool_bytes));
  options.reconnect = !arguments.once;
  if (!arguments.until.empty()) {
    DRKIT_ASSIGN(options.until_lsn, parse_lsn(arguments.until));
  }
  DRKIT_ASSIGN(const std::string conninfo, conninfo_of_address(arguments.conninfo));
  DRKIT_ASSIGN(Repository repository, session.open(arguments.repository));
  DRKIT_ASSIGN(const WalReceived received,
               receive_wal(session.context(), WalArchive(std::move(repository)), conninfo, options));
  const bool partial = received.unstored_bytes > 0;
  if (partial) {
    session.screen().line("drkit: partial: " + human_bytes(received.unstored_bytes) + " of received log behind " +
                          lsn_text(received.stored_lsn) + " are stored nowhere: the storage did not take them in");
  }
  if (session.json()) {
    session.print_document({{"status", partial ? "partial" : "complete"},
                            {"unstored_bytes", received.unstored_bytes},
                            {"system_id", std::to_string(received.system_id)},
                            {"timeline", received.timeline},
                            {"stored_lsn", lsn_text(received.stored_lsn)},
                            {"segments", received.segments},
                            {"pieces", received.pieces},
                            {"gaps", received.gaps},
                            {"connections", received.connections}});
  }
  session.summary("stored up to " + lsn_text(received.stored_lsn) + " on timeline " +
                  std::to_string(received.timeline) + ": " + human_count(received.segments) + " segments, " +
                  human_count(received.pieces) + " pieces, " + human_count(received.gaps) + " gaps");
  return partial ? kPartial : kComplete;
}

}  // namespace

void add_wal_receive(CLI::App& parent, Session& session) {
  auto arguments = std::make_shared<ReceiveArguments>();
  CLI::App* verb = session.add_verb(parent, "receive", "Store the log as the server writes it, until interrupted",
                                    "drkit wal receive /srv/backup 'host=db1 user=replicator' --slot drkit");
  WalReceiveOptions& options = arguments->options;
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("CONNINFO", arguments->conninfo, "Connection string or URI of the server")->required();
  verb->add_option("--slot", options.slot, "Replication slot that keeps the log for us; made when absent");
  verb->add_flag("--synchronous", options.synchronous, "Store at once: for synchronous_standby_names");
  verb->add_option("--durable", arguments->durable, "Report log as flushed when it is in: storage or spool")
      ->check(CLI::IsMember({"storage", "spool"}));
  verb->add_option("--spool", options.spool_directory, "Folder of --durable spool");
  verb->add_option("--spool-bytes", arguments->spool_bytes,
                   "Most log that may wait there for the storage (default 10GiB); 0: what the disk has");
  verb->add_option("--store-every", arguments->store_every_ms, "Milliseconds until log is stored (default 250)");
  verb->add_option("--store-bytes", arguments->store_bytes,
                   "Store as soon as it is so much (default 256KiB); 0: only in time");
  verb->add_option("--name", options.application_name, "Name as a standby (default drkit)");
  verb->add_option("--until", arguments->until, "End when everything before this position is stored");
  verb->add_flag("--once", arguments->once, "End when the connection is lost");
  session.on(verb, [arguments](Session& s) { return run_receive(s, *arguments); });
}

}  // namespace cli
