// Every bit that matters, every length, every exchange: stored bytes that are not what they were are named, or were not
// needed for an answer that is right.
#include <doctest/doctest.h>

#include <drkit/check.hpp>

#include "crash/memory_tree.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

/// Read-only: objects that stay, and what is different from them.
class AlteredStorage final : public Storage {
 public:
  explicit AlteredStorage(const Objects& objects) : objects_(objects) {}

  void set(const std::string& key, Bytes bytes) { altered_[key] = std::move(bytes); }
  void remove_object(const std::string& key) { altered_[key] = std::nullopt; }
  void reset() { altered_.clear(); }

  StorageInfo info() const override { return {"mem", "altered", true, false, 1 << 30}; }
  Result<ObjectInfo> stat(const Context&, std::string_view key) override {
    const Bytes* bytes = find(std::string(key));
    if (bytes == nullptr) return missing(key);
    return ObjectInfo{std::string(key), bytes->size(), 0};
  }
  Result<Bytes> get(const Context&, std::string_view key, ByteRange range) override {
    const Bytes* bytes = find(std::string(key));
    if (bytes == nullptr) return missing(key);
    if (range.offset > bytes->size())
      return Error(ErrorCode::invalid_argument, "past the end").with("key", std::string(key));
    const ByteView rest = ByteView(*bytes).subspan(static_cast<std::size_t>(range.offset));
    const ByteView part = rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), range.length)));
    return Bytes(part.begin(), part.end());
  }
  Result<void> put(const Context&, std::string_view key, ByteView, PutOptions) override { return missing(key); }
  Result<void> remove(const Context&, std::string_view key) override { return missing(key); }
  Result<void> list(const Context&, std::string_view prefix, const ListVisitor& visit) override {
    std::map<std::string, std::uint64_t> sizes;
    for (const auto& [key, bytes] : objects_) sizes[key] = bytes.size();
    for (const auto& [key, bytes] : altered_) {
      if (bytes) sizes[key] = bytes->size();
      if (!bytes) sizes.erase(key);
    }
    for (const auto& [key, size] : sizes) {
      if (key.starts_with(prefix) && !visit({key, size, 0})) break;
    }
    return {};
  }

 private:
  static Error missing(std::string_view key) {
    return Error(ErrorCode::not_found, "no such object").with("key", std::string(key));
  }
  const Bytes* find(const std::string& key) const {
    if (const auto found = altered_.find(key); found != altered_.end())
      return found->second ? &*found->second : nullptr;
    const auto found = objects_.find(key);
    return found == objects_.end() ? nullptr : &found->second;
  }
  const Objects& objects_;
  std::map<std::string, std::optional<Bytes>> altered_;
};

struct Known {
  std::string id;
  MemoryTree tree;
};

/// A repository of two snapshots and everything that can be seen of it.
struct Subject {
  Objects objects;
  std::vector<Known> snapshots;  ///< oldest first
  Objects of_another;            ///< a repository with the same password and key file
};

const KeyFile& key_file() {
  static const KeyFile file = *KeyFile::generate();
  return file;
}

Repository must_create(const StoragePtr& storage) {
  CreateOptions options = cheap_password("pw");
  options.recipients.push_back(key_file().public_key);
  auto repository = Repository::create(Context(), storage, std::move(options));
  REQUIRE_MESSAGE(repository.ok(), repository.error().to_string());
  use_small_packs(*repository, 256, 512);
  return std::move(*repository);
}

// Smaller than one kilobyte, so that every byte of every object can be damaged.
Subject make_subject() {
  Subject subject;
  const StoragePtr storage = make_memory_storage();
  Repository repository = must_create(storage);
  MemoryTree tree = random_tree(3, 4, 150);
  for (int i = 0; i < 2; ++i) {
    const auto snapshot = backup_tree(Context(), repository, tree);
    REQUIRE_MESSAGE(snapshot.ok(), snapshot.error().to_string());
    subject.snapshots.push_back({snapshot->id, tree});
    tree = changed_tree(tree, 4);
  }
  subject.objects = objects_of(*storage);
  const StoragePtr other_storage = make_memory_storage();
  Repository other = must_create(other_storage);
  REQUIRE(backup_tree(Context(), other, random_tree(5, 4, 150)).ok());
  subject.of_another = objects_of(*other_storage);
  return subject;
}

OpenOptions with_key_file() {
  OpenOptions options;
  options.credential.key = key_file().secret_key.clone();
  options.parallel = 1;
  return options;
}

std::string named_key(const Error& error) {
  for (const auto& [key, value] : error.context()) {
    if (key == "key") return value;
  }
  return {};
}

/// What looking at everything came to: empty when all was exactly right, else the error's key; fails the test when
/// anything wrong was given out.
class Onlooker {
 public:
  explicit Onlooker(const Subject& subject) : subject_(subject) {}

  std::optional<Error> look(const StoragePtr& storage, const OpenOptions& options) {
    auto repository = Repository::open(ctx_, storage, clone(options));
    if (!repository) return repository.error();
    return look(*repository);
  }

  std::optional<Error> look(const Repository& repository) {
    auto snapshots = repository.snapshots(ctx_);
    if (!snapshots) return snapshots.error();
    REQUIRE(snapshots->size() == subject_.snapshots.size());
    std::optional<Error> failure;
    for (std::size_t i = 0; i < snapshots->size(); ++i) {
      REQUIRE((*snapshots)[i].id == subject_.snapshots[i].id);
      auto tree = restore_tree(ctx_, repository, (*snapshots)[i]);
      if (!tree) failure = tree.error();
      if (tree) REQUIRE(*tree == subject_.snapshots[i].tree);
    }
    return failure;
  }

 private:
  static OpenOptions clone(const OpenOptions& options) {
    OpenOptions copy;
    if (options.credential.password) copy.credential.password = options.credential.password->clone();
    if (options.credential.key) copy.credential.key = options.credential.key->clone();
    copy.cache_directory = options.cache_directory;
    copy.parallel = 1;
    return copy;
  }
  const Context ctx_;
  const Subject& subject_;
};

bool is_pack(const std::string& key) { return key.starts_with("data/") || key.starts_with("meta/"); }

// Only errors that say what is wrong: damage that is named, or a key that opens nothing when its slot is damaged.
void must_be_honest(const std::optional<Error>& failure, const std::string& damaged_key) {
  if (!failure) return;
  CAPTURE(failure->to_string());
  REQUIRE(failure->code() == ErrorCode::corrupt);
  REQUIRE(named_key(*failure) == damaged_key);
}

/// A handle that was opened while all was well, for damage to packs alone.
struct Bench {
  explicit Bench(const Subject& s) : subject(s), storage(std::make_shared<AlteredStorage>(s.objects)), onlooker(s) {
    auto repository = Repository::open(Context(), storage, with_key_file());
    REQUIRE(repository.ok());
    handle.emplace(std::move(*repository));
    REQUIRE_FALSE(onlooker.look(*handle).has_value());
  }
  std::optional<Error> look(const std::string& key) {
    return is_pack(key) ? onlooker.look(*handle) : onlooker.look(storage, with_key_file());
  }
  const Subject& subject;
  std::shared_ptr<AlteredStorage> storage;
  Onlooker onlooker;
  std::optional<Repository> handle;
};

bool check_finds(Storage& storage, const std::string& key) {
  const auto report = check_objects(Context(), storage);
  if (!report) return key == "config" && report.error().code() == ErrorCode::not_found;
  for (const Finding& finding : report->findings) {
    if (finding.subject == key && finding.severity == Severity::damage) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("one bit of every byte of every object") {
  const Subject subject = make_subject();
  Bench bench(subject);
  std::uint64_t looked = 0;
  std::uint64_t noticed = 0;
  for (const auto& object : subject.objects) {
    const std::string& key = object.first;
    const Bytes& bytes = object.second;
    CAPTURE(key);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      CAPTURE(i);
      Bytes flipped = bytes;
      flipped[i] ^= static_cast<std::byte>(1U << (i % 8));
      bench.storage->set(key, std::move(flipped));
      const auto failure = bench.look(key);
      must_be_honest(failure, key);
      noticed += failure ? 1 : 0;
      REQUIRE(check_finds(*bench.storage, key));
      ++looked;
    }
    bench.storage->reset();
  }
  MESSAGE(looked << " flips, " << noticed << " of them in what these restores need");
  CHECK(looked > 4000);
}

TEST_CASE("every object cut at every length, and with bytes after its end") {
  const Subject subject = make_subject();
  Bench bench(subject);
  for (const auto& object : subject.objects) {
    const std::string& key = object.first;
    const Bytes& bytes = object.second;
    CAPTURE(key);
    for (std::size_t length = 0; length <= bytes.size() + 1; ++length) {
      if (length == bytes.size()) continue;
      CAPTURE(length);
      Bytes cut = bytes;
      cut.resize(length);
      bench.storage->set(key, std::move(cut));
      must_be_honest(bench.look(key), key);
      REQUIRE(check_finds(*bench.storage, key));
    }
    bench.storage->reset();
  }
}

TEST_CASE("every object taken away") {
  const Subject subject = make_subject();
  const TempDir cache;
  const auto storage = std::make_shared<AlteredStorage>(subject.objects);
  Onlooker onlooker(subject);
  OpenOptions options = with_key_file();
  options.cache_directory = cache.path();
  REQUIRE_FALSE(onlooker.look(storage, options).has_value());
  for (const auto& object : subject.objects) {
    const std::string& key = object.first;
    CAPTURE(key);
    storage->remove_object(key);
    const auto failure = onlooker.look(storage, options);
    if (key.starts_with("keys/")) {
      // The other slot still opens everything.
      if (failure) CHECK(failure->code() == ErrorCode::bad_key);
    } else if (key.starts_with("index/")) {
      // The packs say themselves what it listed.
      CHECK_FALSE(failure);
    } else {
      REQUIRE(failure);
      CAPTURE(failure->to_string());
      CHECK(failure->code() == (key == "config" ? ErrorCode::not_found : ErrorCode::corrupt));
      if (key != "config") CHECK(named_key(*failure) == key);
    }
    storage->reset();
  }
}

TEST_CASE("objects of one kind exchanged, copied over each other and put under new names") {
  const Subject subject = make_subject();
  const auto storage = std::make_shared<AlteredStorage>(subject.objects);
  Onlooker onlooker(subject);
  const auto honest = [&](const std::string& a, const std::string& b) {
    for (const OpenOptions& options : {with_key_file(), opening("pw")}) {
      const auto failure = onlooker.look(storage, options);
      if (!failure) continue;
      CAPTURE(failure->to_string());
      const bool slots = a.starts_with("keys/") && failure->code() == ErrorCode::bad_key;
      CHECK((slots || failure->code() == ErrorCode::corrupt));
      const std::string named = named_key(*failure);
      if (!slots && !a.starts_with("index/")) CHECK((named == a || named == b));
    }
  };
  for (const auto& first : subject.objects) {
    const std::string& a = first.first;
    const Bytes& bytes_a = first.second;
    for (const auto& second : subject.objects) {
      const std::string& b = second.first;
      const Bytes& bytes_b = second.second;
      if (a == b) continue;
      CAPTURE(a);
      CAPTURE(b);
      const bool same_kind = a.substr(0, a.find('/')) == b.substr(0, b.find('/'));
      if (a < b && same_kind) {
        storage->set(a, bytes_b);
        storage->set(b, bytes_a);
        honest(a, b);
        storage->reset();
      }
      storage->set(a, bytes_b);
      honest(a, b);
      if (!is_pack(a) || bytes_a != bytes_b) CHECK((!same_kind || !is_pack(a) || check_finds(*storage, a)));
      storage->reset();
    }
    // The same bytes once more under a name of the same shape.
    std::string renamed = a;
    renamed.back() = renamed.back() == '0' ? '1' : '0';
    storage->set(renamed, bytes_a);
    honest(a, renamed);
    storage->reset();
  }
}

TEST_CASE("objects of another repository with the same password and key file") {
  const Subject subject = make_subject();
  const auto storage = std::make_shared<AlteredStorage>(subject.objects);
  Onlooker onlooker(subject);
  for (const auto& object : subject.objects) {
    const std::string& ours = object.first;
    for (const auto& [theirs, foreign] : subject.of_another) {
      if (ours.substr(0, ours.find('/')) != theirs.substr(0, theirs.find('/'))) continue;
      CAPTURE(ours);
      for (const std::string& place : {ours, theirs}) {
        storage->set(place, foreign);
        for (const OpenOptions& options : {with_key_file(), opening("pw")}) {
          const auto failure = onlooker.look(storage, options);
          if (!failure) continue;
          CAPTURE(failure->to_string());
          const bool keys = ours == "config" || ours.starts_with("keys/");
          CHECK((failure->code() == ErrorCode::corrupt || (keys && failure->code() == ErrorCode::bad_key)));
          if (failure->code() == ErrorCode::corrupt) CHECK(named_key(*failure) == place);
        }
        storage->reset();
      }
    }
  }
}

TEST_CASE("a damaged key slot does not keep out who holds another one") {
  const Subject subject = make_subject();
  const auto storage = std::make_shared<AlteredStorage>(subject.objects);
  Onlooker onlooker(subject);
  unsigned slots = 0;
  unsigned opened = 0;
  for (const auto& [key, bytes] : subject.objects) {
    if (!key.starts_with("keys/")) continue;
    ++slots;
    Bytes flipped = bytes;
    flipped[flipped.size() / 2] ^= std::byte{1};
    storage->set(key, std::move(flipped));
    for (const OpenOptions& options : {with_key_file(), opening("pw")}) {
      const auto failure = onlooker.look(storage, options);
      if (!failure) ++opened;
      if (failure) CHECK(failure->code() == ErrorCode::corrupt);
      if (failure) CHECK(named_key(*failure) == key);
    }
    storage->reset();
  }
  CHECK(slots == 2);
  CHECK(opened == 2);
}
