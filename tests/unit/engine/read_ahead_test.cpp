// Streams of sources without an order, which are read in a thread of their own: the same must come of them.
#include <doctest/doctest.h>

#include <map>

#include <drkit/backup.hpp>
#include <drkit/restore.hpp>

#include "testing/listed_source.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

/// The contents of a snapshot's files; "?" for one with a problem.
std::map<std::string, std::string> contents(const Context& ctx, const Repository& repository,
                                            const Snapshot& snapshot) {
  std::map<std::string, std::string> found;
  const auto visited = list_entries(ctx, repository, snapshot, "", [&](const Entry& entry) {
    BytesSink sink;
    const bool read = !entry.problem && read_entry(ctx, repository, snapshot, entry.path, sink).ok();
    found[entry.path] = read ? std::string(as_text(sink.out)) : "?";
    return true;
  });
  REQUIRE_MESSAGE(visited.ok(), words(visited));
  return found;
}

ListedEntry failing(std::string path, std::string data) {
  ListedEntry file = listed_file(std::move(path), {});
  if (!data.empty()) file.reads.push_back({std::move(data), 0});
  file.failure = Error(ErrorCode::io, "a bad sector");
  return file;
}

}  // namespace

TEST_CASE("a read may give data and the hole behind it at once") {
  const Context ctx;
  for (const bool ordered : {true, false}) {
    CAPTURE(ordered);
    Repository repository = new_repository(ctx);
    ListedSource source(
        {listed_file("a", {{"12345678", 8}, {"x", 0}, {"y", 3}, {"", 4}, {"z", 0}}), listed_file("b", {{"tail", 5}})},
        ordered);
    const auto snapshot = backup(ctx, repository, source);
    REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
    auto found = contents(ctx, repository, *snapshot);
    CHECK(found["a"] == "12345678" + std::string(8, '\0') + "xy" + std::string(7, '\0') + "z");
    CHECK(found["b"] == "tail" + std::string(5, '\0'));
    CHECK(snapshot->stats.bytes == 26 + 9);
  }
}

TEST_CASE("a file that cannot be read to its end costs a backup this file alone, where the source says so") {
  const Context ctx;
  for (const bool ordered : {true, false}) {
    CAPTURE(ordered);
    Repository repository = new_repository(ctx);
    ListedSource source({failing("a", ""), listed_file("b", {{"bb", 0}}), failing("c", "half"), failing("d", "half"),
                         listed_file("e", {{"ee", 0}}), failing("f", "half")},
                        ordered);
    const auto snapshot = backup(ctx, repository, source);
    REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
    CHECK(snapshot->status == Status::partial);
    CHECK(snapshot->stats.problems == 4);
    using Files = std::map<std::string, std::string>;
    CHECK(contents(ctx, repository, *snapshot) ==
          Files{{"a", "?"}, {"b", "bb"}, {"c", "?"}, {"d", "?"}, {"e", "ee"}, {"f", "?"}});
  }
}

TEST_CASE("a file that cannot be read to its end ends the backup of any other source") {
  const Context ctx;
  for (const bool ordered : {true, false}) {
    CAPTURE(ordered);
    Repository repository = new_repository(ctx);
    ListedSource source({listed_file("a", {{"a", 0}}), failing("b", "half"), listed_file("c", {{"c", 0}})}, ordered,
                        false);
    const auto snapshot = backup(ctx, repository, source);
    REQUIRE_FALSE(snapshot.ok());
    CHECK(snapshot.error().code() == ErrorCode::io);
    CHECK(snapshot.error().to_string().find("path=b") != std::string::npos);
  }
}

TEST_CASE("an entry that comes twice ends the backup, and is named") {
  const Context ctx;
  for (const bool ordered : {true, false}) {
    CAPTURE(ordered);
    Repository repository = new_repository(ctx);
    ListedSource source({listed_file("a", {{"a", 0}}), listed_file("b", {{"1", 0}}), listed_file("b", {{"2", 0}})},
                        ordered);
    const auto snapshot = backup(ctx, repository, source);
    REQUIRE_FALSE(snapshot.ok());
    CHECK(snapshot.error().code() == ErrorCode::internal);
    CHECK(snapshot.error().to_string().find("path=b") != std::string::npos);
  }
}

TEST_CASE("a backup is cancelled in the middle of a hole") {
  /// Cancels as soon as anything is told.
  class Impatient final : public Progress {
   public:
    bool on_event(const ProgressEvent& event) noexcept override {
      in_file = in_file || event.item == "holey";
      return false;
    }
    bool in_file = false;
  };
  for (const bool ordered : {true, false}) {
    CAPTURE(ordered);
    Impatient progress;
    Context ctx;
    Repository repository = new_repository(ctx);
    ctx.progress = &progress;
    constexpr std::uint64_t kHour = std::uint64_t{1} << 42;  // of hashing
    ListedSource source({listed_file("holey", {{"a", kHour}})}, ordered);
    const auto snapshot = backup(ctx, repository, source);
    REQUIRE_FALSE(snapshot.ok());
    CHECK(snapshot.error().code() == ErrorCode::cancelled);
    CHECK(progress.in_file);
  }
}
