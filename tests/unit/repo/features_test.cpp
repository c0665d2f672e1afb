// Feature bits that this build does not know forbid what they name, and nothing else.
#include <doctest/doctest.h>

#include <drkit/check.hpp>

#include "crash/memory_tree.hpp"
#include "repo/keyring.hpp"
#include "repo/layout.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

/// A repository with one snapshot, and a config with other feature bits.
struct Subject {
  StoragePtr storage = make_memory_storage();
  MemoryTree tree = random_tree(1, 2, 300);
  std::string snapshot;

  explicit Subject(format::Features features) {
    auto repository = Repository::create(Context(), storage, cheap_password("pw"));
    REQUIRE(repository.ok());
    const auto made = backup_tree(Context(), *repository, tree);
    REQUIRE(made.ok());
    snapshot = made->id;
    const auto& impl = *repository->impl();
    const auto payload = repo::get_object(Context(), *storage, repo::kConfigKey, format::Kind::config);
    auto config = format::decode_config(*payload);
    REQUIRE(config.ok());
    config->features = features;
    const Bytes body = format::encode_config_body(*config);
    config->tag = repo::keyed_tag(impl.keys.index_key, format::associated_data(format::Kind::config, impl.id, body));
    REQUIRE(repo::put_object(Context(), *storage, repo::kConfigKey, format::Kind::config,
                             format::encode_config(*config), false)
                .ok());
  }
};

template <class T>
bool refused(const Result<T>& result) {
  return !result && result.error().code() == ErrorCode::version_unsupported;
}

/// True for what is refused.
struct Refusals {
  bool open = false;
  bool read = false;
  bool write = false;
  bool add_key = false;
  bool check = false;
  bool check_without_key = false;
  bool forget = false;
  bool remove_key = false;
  bool rotate = false;
  bool operator==(const Refusals&) const = default;
};

Refusals try_all(format::Features features) {
  const Subject subject(features);
  Refusals out;
  out.check_without_key = refused(check_objects(Context(), *subject.storage));
  auto repository = Repository::open(Context(), subject.storage, opening("pw"));
  out.open = refused(repository);
  if (!repository) return out;
  const auto snapshot = repository->find_snapshot(Context(), subject.snapshot);
  REQUIRE(snapshot.ok());
  const auto tree = restore_tree(Context(), *repository, *snapshot);
  out.read = refused(repository->snapshots(Context())) || refused(tree);
  if (tree) CHECK(*tree == subject.tree);
  const std::size_t before = objects_of(*subject.storage).size();
  out.write = refused(backup_tree(Context(), *repository, subject.tree));
  if (out.write) CHECK(objects_of(*subject.storage).size() == before);
  out.add_key = refused(repository->add_password(Context(), Secret::from_text("b"), KeyRole::write, "", {1, 1 << 20}));
  out.check = refused(check(Context(), *repository, nullptr, {}, {}));
  out.forget = refused(repository->forget(Context(), subject.snapshot));
  out.remove_key = refused(repository->remove_key(Context(), std::string(32, '0')));
  out.rotate = refused(repository->rotate_key(Context(), opening("pw").credential));
  return out;
}

Refusals all_of(std::initializer_list<bool Refusals::*> members) {
  Refusals out;
  for (const auto member : members) out.*member = true;
  return out;
}

}  // namespace

TEST_CASE("unknown feature bits: read, write, check and remove each refuse their own use") {
  format::Features read, write, check, remove;
  read.read = 1;
  write.write = 2;
  check.check = 1ULL << 63;
  remove.remove = 4;
  CHECK(try_all({}) == Refusals{});
  CHECK(try_all(read) == all_of({&Refusals::open}));
  CHECK(try_all(write) == all_of({&Refusals::write, &Refusals::add_key, &Refusals::rotate}));
  CHECK(try_all(check) == all_of({&Refusals::check, &Refusals::check_without_key}));
  CHECK(try_all(remove) == all_of({&Refusals::forget, &Refusals::remove_key, &Refusals::rotate}));
}
