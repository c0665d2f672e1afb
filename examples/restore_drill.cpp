// A drill: restores the latest snapshot into an empty directory, proves that the tree is the snapshot, and says how
// long it took. A backup that was never restored is a hope.
//   restore_drill REPOSITORY EMPTY_DIRECTORY PASSWORD_FILE [REPORT.html]
#include <drkit/drkit.hpp>

#include <fstream>
#include <iostream>

using namespace drkit;

namespace {

struct Drill {
  Snapshot snapshot;
  RestoreResult restored;
  std::uint64_t bytes_different = 0;
  Report report;
};

Result<Repository> open(const Context& ctx, const std::string& address, const std::string& password) {
  DRKIT_ASSIGN(StoragePtr storage, open_storage(ctx, address));
  OpenOptions options;
  options.credential.password = Secret::from_text(password);
  return Repository::open(ctx, std::move(storage), std::move(options));
}

Result<RestoreResult> restore_into(const Context& ctx, const Repository& repository, const Snapshot& snapshot,
                                   const std::string& directory, bool delta) {
  DRKIT_ASSIGN(const auto target, open_target(ctx, directory, snapshot));
  RestoreOptions options;
  options.delta = delta;
  return restore(ctx, repository, snapshot, *target, options);
}

Result<Drill> run(const std::string& address, const std::string& directory, const std::string& password) {
  const Context ctx;
  Drill drill;
  DRKIT_ASSIGN(const Repository repository, open(ctx, address, password));
  DRKIT_ASSIGN(drill.snapshot, repository.find_snapshot(ctx, "latest"));
  DRKIT_ASSIGN(drill.restored, restore_into(ctx, repository, drill.snapshot, directory, false));
  // A second restore over the first one writes what differs: nothing, when the tree is right.
  DRKIT_ASSIGN(const RestoreResult again, restore_into(ctx, repository, drill.snapshot, directory, true));
  drill.bytes_different = again.stats.bytes_written;
  CheckOptions options;
  options.level = CheckLevel::files;
  DRKIT_ASSIGN(drill.report, check(ctx, repository, &drill.snapshot, builtin_checks(), options));
  return drill;
}

}  // namespace

int main(int count, char** words) {
  std::string password;
  if (count < 4 || !std::getline(std::ifstream(words[3]), password)) {
    std::cerr << "usage: restore_drill REPOSITORY EMPTY_DIRECTORY PASSWORD_FILE [REPORT.html]\n";
    return 2;
  }
  const Result<Drill> drill = run(words[1], words[2], password);
  if (!drill) {
    std::cerr << drill.error().to_string() << "\n";
    return 1;
  }
  if (count > 4) {
    std::ofstream page(words[4]);
    page << to_html(drill->report);
    page.close();
    if (!page) std::cerr << "cannot write " << words[4] << "\n";
  }
  const bool proven = drill->restored.status == Status::complete && drill->bytes_different == 0 && drill->report.ok();
  std::cout << "snapshot " << drill->snapshot.id.substr(0, 8) << ": " << drill->restored.stats.bytes << " bytes in "
            << static_cast<double>(drill->restored.stats.duration_ns) / 1e9 << " s, " << drill->bytes_different
            << " bytes different, " << drill->report.findings.size()
            << " findings: " << (proven ? "proven" : "NOT proven") << "\n";
  return proven ? 0 : 1;
}
