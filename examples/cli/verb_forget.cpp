// drkit forget: takes snapshots off the list.
#include "session.hpp"

namespace cli {
namespace {

using namespace drkit;

struct ForgetArguments {
  std::string repository;
  std::vector<std::string> snapshots;
};

Result<int> run_forget(Session& session, const ForgetArguments& arguments) {
  DRKIT_ASSIGN(Repository repository, session.open(arguments.repository));
  // All are found before the first one goes: a typing error changes nothing, and "latest" means one snapshot.
  std::vector<std::string> ids;
  for (const std::string& name : arguments.snapshots) {
    DRKIT_ASSIGN(std::string id, repository.find_snapshot_id(session.context(), name));
    ids.push_back(std::move(id));
  }
  for (const std::string& id : ids) {
    DRKIT_TRY(repository.forget(session.context(), id));
    session.summary("forgot " + id.substr(0, 8));
  }
  if (session.json()) session.print_document({{"status", "complete"}, {"forgotten", ids}});
  return kComplete;
}

}  // namespace

void add_forget(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<ForgetArguments>();
  CLI::App* verb = session.add_verb(app, "forget", "Take snapshots off the list; the other snapshots lose nothing",
                                    "drkit forget /srv/backup 3f2a91c0");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("SNAPSHOT", arguments->snapshots, "Ids, or the starts of them")->required();
  session.on(verb, [arguments](Session& s) { return run_forget(s, *arguments); });
}

}  // namespace cli
