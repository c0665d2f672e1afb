// Walks over files of one chunk again and again, of nothing but holes, and of chunks that nobody has.
#include "engine/content_walk.hpp"

#include <doctest/doctest.h>

#include <drkit/backup.hpp>

#include "testing/listed_source.hpp"
#include "testing/memory_repository.hpp"

using namespace drkit;
using namespace drkit::engine;
using namespace drkit::testing;

namespace {

constexpr std::uint64_t kPieces = 200'000;
constexpr std::uint32_t kPieceBytes = 8;

class CountingObserver final : public ContentObserver {
 public:
  void begin_file(const Entry&) override {}
  void data(ByteView given) override {
    bytes += given.size();
    if (on_data) on_data();
  }
  void end_file(const Entry&, bool file_readable, const FindingSink&) override { readable = file_readable; }
  Result<CheckSummary> finish(const FindingSink&) override { return CheckSummary{}; }

  std::function<void()> on_data;
  std::uint64_t bytes = 0;
  bool readable = false;
};

/// A repository with one small file, and the file's record.
struct OneFile {
  explicit OneFile(const Context& ctx) : repository(new_repository(ctx)) {
    ListedSource source({listed_file("f", {{"12345678", 0}})}, true);
    const auto snapshot = backup(ctx, repository, source);
    REQUIRE_MESSAGE(snapshot.ok(), words(snapshot));
    auto opened = SnapshotReader::open(ctx, repository, *snapshot);
    REQUIRE_MESSAGE(opened.ok(), words(opened));
    reader = *opened;
    repo::ManifestReader manifest = reader.manifest();
    auto found = manifest.next(ctx);
    REQUIRE(found.ok());
    REQUIRE(found->has_value());
    record = **found;
    REQUIRE(record.content.extents.size() == 1);
  }

  /// As the file would be that repeats it so often.
  format::Record repeated(std::uint64_t times) const {
    format::Record many = record;
    many.content.extents.assign(times, record.content.extents.front());
    many.entry.size_bytes = times * kPieceBytes;
    return many;
  }

  Repository repository;
  SnapshotReader reader;
  format::Record record;
};

}  // namespace

TEST_CASE("a file of one chunk again and again is given while it is gathered") {
  const Context ctx;
  const OneFile file(ctx);
  CountingObserver observer;
  const FindingSink report = [](const Finding& finding) { FAIL(finding.message); };
  ContentWalk walk(ctx, file.reader, {&observer}, report);
  std::uint64_t gathered = 0;
  observer.on_data = [&] { gathered = std::max(gathered, walk.chunks() - observer.bytes / kPieceBytes); };
  REQUIRE(walk.add(file.repeated(kPieces)).ok());
  REQUIRE(walk.finish().ok());
  CHECK(observer.bytes == kPieces * kPieceBytes);
  CHECK(observer.readable);
  CHECK(walk.chunks() == kPieces);
  CHECK(gathered > 0);
  CHECK(gathered < kPieces / 8);
}

TEST_CASE("a file of chunks that nobody has is reported while it is gathered") {
  const Context ctx;
  const OneFile file(ctx);
  format::Record lost = file.repeated(kPieces);
  for (format::Extent& extent : lost.content.extents) extent.chunk[0] ^= std::byte{1};
  CountingObserver observer;
  std::uint64_t findings = 0;
  std::uint64_t gathered = 0;
  const ContentWalk* walking = nullptr;
  const FindingSink report = [&](const Finding&) { gathered = std::max(gathered, walking->chunks() - ++findings); };
  ContentWalk walk(ctx, file.reader, {&observer}, report);
  walking = &walk;
  REQUIRE(walk.add(lost).ok());
  REQUIRE(walk.finish().ok());
  CHECK(findings == kPieces);
  CHECK_FALSE(observer.readable);
  CHECK(gathered > 0);
  CHECK(gathered < kPieces / 8);
}

TEST_CASE("a walk is cancelled in the middle of a hole") {
  Context ctx;
  const OneFile file(ctx);
  format::Record holey = file.repeated(0);
  holey.entry.size_bytes = std::uint64_t{1} << 40;
  CountingObserver observer;
  observer.on_data = [&] { ctx.cancel.cancel(); };
  const FindingSink report = [](const Finding& finding) { FAIL(finding.message); };
  ContentWalk walk(ctx, file.reader, {&observer}, report);
  auto done = walk.add(holey);
  if (done) done = walk.finish();
  REQUIRE_FALSE(done.ok());
  CHECK(done.error().code() == ErrorCode::cancelled);
  CHECK(observer.bytes <= std::uint64_t{64} << 20);
}
