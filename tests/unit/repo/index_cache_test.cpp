// What a machine keeps of the index of a repository that is far away.
#include <doctest/doctest.h>

#include <atomic>

#include <drkit/backup.hpp>
#include <drkit/check.hpp>
#include <drkit/sources.hpp>
#include <drkit/storage.hpp>

#include "repo/impl.hpp"
#include "repo/layout.hpp"
#include "testing/memory_repository.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::testing::TempDir;
using drkit::testing::words;

namespace {

/// Says that it is somewhere else, counts how often index objects are read, and damages some answers on their way.
class Far final : public Storage {
 public:
  StorageInfo info() const override { return {.scheme = "far", .name = "far", .conditional_create = true}; }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    auto bytes = inner_->get(ctx, key, range);
    if (!key.starts_with(repo::kIndexPrefix) || !bytes) return bytes;
    ++gets;
    if (damaged_answers > 0 && damaged_answers-- > 0) bytes->back() ^= std::byte{1};
    return bytes;
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return inner_->put(ctx, key, bytes, options);
  }
  Result<void> remove(const Context& ctx, std::string_view key) override { return inner_->remove(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner_->list(ctx, prefix, visit);
  }

  std::atomic<int> gets = 0;
  std::atomic<int> damaged_answers = 0;

 private:
  StoragePtr inner_ = make_memory_storage();
};

struct Bench {
  Bench() {
    CreateOptions create;
    create.passwords.push_back(Secret::from_text("pw"));
    create.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
    auto made = Repository::create({}, far, std::move(create));
    REQUIRE_MESSAGE(made.ok(), words(made));
    back_up(*made, "first");
  }

  Repository open() const {
    OpenOptions options;
    options.credential.password = Secret::from_text("pw");
    options.cache_directory = dir.path() + "/cache";
    auto opened = Repository::open({}, far, std::move(options));
    REQUIRE_MESSAGE(opened.ok(), words(opened));
    return std::move(*opened);
  }

  static void back_up(Repository& repository, const std::string& text) {
    auto source = make_process_source("echo " + text);
    REQUIRE(source.ok());
    const auto snapshot = backup({}, repository, **source);
    REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
  }

  /// How many index objects were asked for.
  int cost(const std::function<void()>& work) const {
    const int before = far->gets;
    work();
    return far->gets - before;
  }

  TempDir dir;
  std::shared_ptr<Far> far = std::make_shared<Far>();
};

void load_index(Repository repository) { CHECK(repository.impl()->index({}).ok()); }

}  // namespace

TEST_CASE("an index object is fetched once by a machine, whichever run needs it") {
  const Bench bench;
  CHECK(bench.cost([&] { load_index(bench.open()); }) == 1);
  CHECK(bench.cost([&] { load_index(bench.open()); }) == 0);
  Repository other = bench.open();
  Bench::back_up(other, "second");
  CHECK(bench.cost([&] { load_index(bench.open()); }) == 1);
  CHECK(bench.cost([&] { load_index(bench.open()); }) == 0);
}

TEST_CASE("an answer that was damaged on its way is not kept") {
  const Bench bench;
  bench.far->damaged_answers = 1;
  Repository repository = bench.open();
  const auto without = repository.impl()->index({});
  REQUIRE(without.ok());
  CHECK((*without)->pack_count() == 0);
  for (const Repository& reader : {repository, bench.open()}) {
    const auto index = reader.impl()->index({}, true);
    REQUIRE(index.ok());
    CHECK((*index)->pack_count() == 2);
  }
}

TEST_CASE("the check of a snapshot reads the index of the storage, not what is kept of it") {
  const Bench bench;
  load_index(bench.open());
  Repository repository = bench.open();
  const auto snapshots = repository.snapshots({});
  REQUIRE((snapshots.ok() && snapshots->size() == 1));
  bench.far->damaged_answers = 1'000'000;
  CheckOptions options;
  options.level = CheckLevel::chunks;
  const auto report = check({}, repository, &snapshots->front(), {}, options);
  REQUIRE_MESSAGE(report.ok(), words(report));
  REQUIRE(report->findings.size() == 1);
  CHECK(report->findings[0].subject.starts_with(repo::kIndexPrefix));
  CHECK_FALSE(report->ok());
}
