// Makes the golden repositories anew: drkit_make_golden DIRECTORY. Entries and times are fixed; keys, nonces and ids
// are random, so what is committed once stays, and later versions must go on reading it.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <drkit/backup.hpp>
#include <drkit/storage.hpp>
#include <nlohmann/json.hpp>

#include "crypto/sha256.hpp"
#include "golden/incremental.hpp"
#include "golden/list_source.hpp"
#include "testing/fake_clock.hpp"
#include "testing/hex.hpp"

using namespace drkit;
using drkit::golden::Item;
using drkit::golden::ListSource;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::int64_t kTime = 1'700'000'000'123'456'789;
const char* const kPassword = "correct horse, golden battery";

void stop(const std::string& why) {
  std::fprintf(stderr, "make_golden: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) stop(result.error().to_string());
  return std::move(result).value();
}
void must(Result<void> result) {
  if (!result) stop(result.error().to_string());
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) stop("cannot write " + path.string());
}

Item item(std::string path, EntryType type, std::uint32_t mode, std::string content = {}) {
  Item made;
  made.entry.path = std::move(path);
  made.entry.type = type;
  made.entry.mode = mode;
  made.entry.uid = 1000;
  made.entry.gid = 1000;
  made.entry.mtime_ns = kTime - 86'400'000'000'000;
  made.content = std::move(content);
  return made;
}
Item file(std::string path, std::string content, std::uint32_t mode = 0644) {
  return item(std::move(path), EntryType::regular, mode, std::move(content));
}
Item directory(std::string path, std::uint32_t mode = 0755) {
  return item(std::move(path), EntryType::directory, mode);
}
Item link(std::string path, EntryType type, std::string target) {
  Item made = item(std::move(path), type, type == EntryType::symlink ? 0777 : 0644);
  made.entry.link_target = std::move(target);
  return made;
}

/// Two bits of news in every byte, so that it takes part in compression, deduplication and cutting.
std::string filler(std::size_t size, std::uint64_t seed) {
  std::string text(size, '\0');
  for (char& c : text) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    c = "ACGT"[seed >> 62];
  }
  return text;
}

/// Heap pages as PostgreSQL lays them out, little-endian.
std::string postgres_pages(std::size_t count) {
  std::string pages(count * 8192, '\0');
  for (std::size_t i = 0; i < count; ++i) {
    char* page = pages.data() + i * 8192;
    const std::array<unsigned, 4> words = {24, 8192 - 64, 8192, 0x2004};  // lower, upper, special, size and version
    for (std::size_t w = 0; w < words.size(); ++w) {
      page[12 + 2 * w] = static_cast<char>(words[w] & 0xff);
      page[13 + 2 * w] = static_cast<char>(words[w] >> 8);
    }
    page[0] = static_cast<char>(i);
    page[8191] = static_cast<char>(i >> 8);
  }
  return pages;
}

std::vector<Item> tree() {
  const std::string big = filler(1'300'000, 1);
  std::vector<Item> items = {directory("", 0750),
                             file("big", big),
                             directory("d"),
                             file("d/duplicate", "the same in two places\n"),
                             file("d/duplicate of it", "the same in two places\n", 0600),
                             directory("d/empty directory", 0700),
                             file("empty", ""),
                             item("fifo", EntryType::fifo, 0640),
                             file("hard link a", "one file, two names"),
                             link("hard link b", EntryType::hardlink, "hard link a"),
                             file("new\nline \t\xff\xfe.", "odd names\n"),
                             file("pages", postgres_pages(131)),
                             file("set", "#!/bin/sh\n", 04755),
                             item("sparse", EntryType::regular, 0644),
                             link("symbolic link", EntryType::symlink, "d/no such \xff file"),
                             file("with attribute", "x")};
  for (Item& made : items) {
    if (made.entry.path == "sparse") made.pieces = {{"head", (1 << 20) - 4}, {std::string(4096, 's'), 8192}};
    if (made.entry.path == "with attribute") made.entry.xattrs = {{"user.drkit.golden", std::string("v\0lue", 5)}};
    if (made.entry.path == "big") made.entry.user = made.entry.group = "golden";
  }
  return items;
}

std::vector<Item> changed(std::vector<Item> items) {
  for (Item& made : items) {
    if (made.entry.path == "big") made.content.insert(700'000, "inserted");
    if (made.entry.path == "set") made.entry.mode = 0755;
  }
  std::erase_if(items, [](const Item& made) { return made.entry.path == "fifo"; });
  items.push_back(file("z added", "later\n"));
  return items;
}

std::vector<Item> incomplete(std::vector<Item> items) {
  for (Item& made : items) {
    if (made.entry.path != "pages") continue;
    made.entry.problem = Problem{"pages", ErrorCode::permission_denied, "cannot open"};
  }
  return items;
}

/// Many names for inner nodes, many pieces for extent nodes.
std::vector<Item> large() {
  std::vector<Item> items = {directory("")};
  Item pieces = item("a file of many pieces", EntryType::regular, 0644);
  for (int i = 0; i < 8200; ++i) pieces.pieces.push_back({"sixteen bytes !\n", 4080});
  for (int i = 0; i < 500; ++i) {
    std::string name = std::to_string(10'000 + i) + " ";
    for (int part = 0; part < 10; ++part) name += std::to_string((i * 7919 + part * 104'729) % 999'983 + 1'000'000);
    items.push_back(link(std::move(name), EntryType::symlink, filler(30, static_cast<std::uint64_t>(i))));
  }
  items.push_back(std::move(pieces));
  return items;
}

Json describe(const Item& made) {
  const Entry& e = made.entry;
  Json json;
  json["path_hex"] = testing::to_hex(as_bytes(e.path));
  json["type"] = golden::type_name(e.type);
  json["mode"] = e.mode;
  json["mtime_ns"] = e.mtime_ns;
  const std::string content = e.problem ? std::string() : made.whole();
  const bool has_content = e.type == EntryType::regular || e.type == EntryType::stream;
  json["size"] = has_content ? content.size() : 0;
  if (!e.link_target.empty()) json["link_hex"] = testing::to_hex(as_bytes(e.link_target));
  if (e.problem) json["problem"] = static_cast<int>(e.problem->code);
  if (has_content) json["sha256"] = testing::to_hex(e.problem ? Sha256Digest{} : crypto::sha256(as_bytes(content)));
  for (const ExtendedAttribute& attribute : e.xattrs) {
    json["xattrs"][testing::to_hex(as_bytes(attribute.name))] = testing::to_hex(as_bytes(attribute.value));
  }
  return json;
}

/// One golden repository being made.
class Golden {
 public:
  Golden(const std::filesystem::path& parent, const std::string& name) : place_(parent / name) {
    std::filesystem::remove_all(place_);
    std::filesystem::create_directories(place_);
    clock_.set_wall_ns(now_);
    ctx_.clock = &clock_;
    storage_ = must(make_local_storage((place_ / "repository").string(), {.create = true}));
    owner_ = must(KeyFile::generate());
    host_ = must(KeyFile::generate());
    CreateOptions options;
    options.passwords.push_back(Secret::from_text(kPassword));
    options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
    repository_.emplace(must(Repository::create(ctx_, storage_, std::move(options))));
    must(repository_->add_recipient(ctx_, owner_.public_key, KeyRole::full, "owner"));
    must(repository_->add_recipient(ctx_, host_.public_key, KeyRole::write, "host"));
    write_file(place_ / "password.txt", kPassword);
    write_file(place_ / "owner.key", as_text(owner_.secret_key.view()));
    write_file(place_ / "host.key", as_text(host_.secret_key.view()));
  }

  /// Backs up with the host's write-only key when asked to.
  std::string add(const std::vector<Item>& items, int level, bool as_host = false) {
    clock_.set_wall_ns(now_ += 3'600'000'000'000);
    BackupOptions options;
    options.host = host_name_;
    options.tags = {{"env", "test"}, {"number", std::to_string(expected_["snapshots"].size())}};
    options.compression_level = level;
    ListSource source(items);
    Repository repository = as_host ? open_as_host() : *repository_;
    const Snapshot snapshot = must(backup(ctx_, repository, source, options));
    Json json;
    json["id"] = snapshot.id;
    json["status"] = status_name(snapshot.status);
    json["time_ns"] = snapshot.time_ns;
    json["tags"] = snapshot.tags;
    json["host_hex"] = testing::to_hex(as_bytes(host_name_));
    json["entries"] = Json::array();
    for (const Item& made : items) json["entries"].push_back(describe(made));
    expected_["snapshots"].push_back(std::move(json));
    last_ = snapshot;
    return snapshot.id;
  }

  /// The last snapshot once more, with a part of one file changed and nothing of the file read.
  void add_incremental(std::vector<Item> items, const golden::Change& change) {
    Snapshot next = last_;
    next.time_ns = now_ += 3'600'000'000'000;
    next = must(golden::commit_incremental(ctx_, *repository_, last_, change, next));
    for (Item& made : items) {
      if (made.entry.path == change.path) made.content.replace(change.offset, change.bytes.size(), change.bytes);
    }
    Json json = expected_["snapshots"].back();
    json["id"] = next.id;
    json["time_ns"] = next.time_ns;
    json["entries"] = Json::array();
    for (const Item& made : items) {
      Json entry = describe(made);
      if (made.entry.path == change.path) {
        entry["true_sha256"] = entry["sha256"];
        entry.erase("sha256");
      }
      json["entries"].push_back(std::move(entry));
    }
    expected_["snapshots"].push_back(std::move(json));
    last_ = next;
  }

  void set_host_name(std::string name) { host_name_ = std::move(name); }
  void condemn_data() { must(golden::condemn_data(ctx_, *repository_)); }
  /// What the creation of another repository would leave in this place.
  void leave_slots_of(const Golden& other) {
    for (const std::string& key : must(repo::list_keys(ctx_, *other.storage_, "keys/"))) {
      must(storage_->put(ctx_, key, must(other.storage_->get(ctx_, key, {})), {}));
    }
  }

  void forget(const std::string& id) {
    must(repository_->forget(ctx_, id));
    std::erase_if(expected_["snapshots"].get_ref<Json::array_t&>(), [&](const Json& json) { return json["id"] == id; });
  }
  void rotate() {
    Credential own;
    own.password = Secret::from_text(kPassword);
    must(repository_->rotate_key(ctx_, own));
  }
  void finish() { write_file(place_ / "expected.json", expected_.dump(0) + "\n"); }

 private:
  Repository open_as_host() {
    OpenOptions options;
    options.credential.key = host_.secret_key.clone();
    return must(Repository::open(ctx_, storage_, std::move(options)));
  }

  std::filesystem::path place_;
  testing::FakeClock clock_;
  std::int64_t now_ = kTime;
  Context ctx_;
  StoragePtr storage_;
  KeyFile owner_;
  KeyFile host_;
  std::string host_name_ = "golden";
  Snapshot last_;
  std::optional<Repository> repository_;
  Json expected_ = {{"snapshots", Json::array()}};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) stop("one argument: the directory");
  Golden everyday(argv[1], "tree");
  everyday.add(tree(), 1);
  everyday.add(changed(tree()), 1, true);
  everyday.add(incomplete(tree()), 1);
  everyday.finish();
  Golden history(argv[1], "history");
  const std::string forgotten = history.add({directory(""), file("a", "forgotten\n")}, 0);
  history.add({directory(""), file("a", "kept\n")}, 0);
  history.rotate();
  history.add({directory(""), file("a", "under the second generation\n"), file("b", "kept\n")}, 19);
  history.forget(forgotten);
  history.add({item("stdout", EntryType::stream, 0, filler(5000, 9))}, -1, true);
  history.finish();
  Golden many(argv[1], "large");
  many.add(large(), 3);
  many.finish();
  Golden incremental(argv[1], "incremental");
  incremental.leave_slots_of(many);
  incremental.set_host_name("g\xf6lden");
  const std::vector<Item> relations = {directory(""), file("relation", postgres_pages(300)), file("small", "kept\n")};
  incremental.add(relations, 1);
  incremental.add_incremental(relations, {"relation", 140 * 8192, postgres_pages(2)});
  incremental.condemn_data();
  incremental.finish();
  return 0;
}
