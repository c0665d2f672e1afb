// The smallest program: backs up a directory. The repository is made when there is none.
//   backup_files REPOSITORY DIRECTORY PASSWORD_FILE
#include <drkit/drkit.hpp>

#include <fstream>
#include <iostream>

using namespace drkit;

static Result<Repository> open_or_create(const Context& ctx, const std::string& address, const Secret& password) {
  StorageOptions place;
  place.create = true;
  DRKIT_ASSIGN(StoragePtr storage, open_storage(ctx, address, place));
  OpenOptions open;
  open.credential.password = password.clone();
  Result<Repository> repository = Repository::open(ctx, storage, std::move(open));
  if (repository || repository.error().code() != ErrorCode::not_found) return repository;
  CreateOptions create;
  create.passwords.push_back(password.clone());
  return Repository::create(ctx, storage, std::move(create));
}

static Result<Snapshot> run(const std::string& address, const std::string& directory, const Secret& password) {
  const Context ctx;
  DRKIT_ASSIGN(Repository repository, open_or_create(ctx, address, password));
  DRKIT_ASSIGN(const auto source, open_source(ctx, directory));
  return backup(ctx, repository, *source);
}

int main(int count, char** words) {
  std::string password;
  if (count != 4 || !std::getline(std::ifstream(words[3]), password)) {
    std::cerr << "usage: backup_files REPOSITORY DIRECTORY PASSWORD_FILE\n";
    return 2;
  }
  const Result<Snapshot> snapshot = run(words[1], words[2], Secret::from_text(password));
  if (!snapshot) {
    std::cerr << snapshot.error().to_string() << "\n";
    return 1;
  }
  // Partial is no success: something could not be read, and the snapshot says what.
  for (const Problem& problem : snapshot->problems) std::cerr << problem.path << ": " << problem.message << "\n";
  std::cout << snapshot->id << " " << status_name(snapshot->status) << " " << snapshot->stats.bytes << " bytes\n";
  return snapshot->status == Status::complete ? 0 : 3;
}
