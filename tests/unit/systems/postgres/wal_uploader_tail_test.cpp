// Received log in tails: no commit waits for another thread, and whatever happens to a tail, nothing is missing.
#include <doctest/doctest.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include <drkit/storage.hpp>

#include "base/posix_file.hpp"
#include "systems/postgres/wal_pieces.hpp"
#include "systems/postgres/wal_resume.hpp"
#include "systems/postgres/wal_uploader.hpp"
#include "testing/os_faults.hpp"
#include "testing/seeded_random.hpp"
#include "testing/temp_dir.hpp"
#include "testing/wal_builder.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kSystem = 78;
constexpr std::uint32_t kSegment = 1 << 20;
constexpr Lsn kStart = 0x5000000;

Bytes log_of(std::size_t bytes) {
  testing::WalBuilder log(kSystem, 1, kStart, kSegment);
  testing::SeededRandom random(3);
  Bytes data(4000);
  while (log.bytes().size() < bytes) {
    random.fill(data);
    log.add(10, 0, 0, data);
  }
  Bytes whole = log.bytes();
  whole.resize(bytes);
  return whole;
}

struct Fixture {
  testing::TempDir dir;
  StoragePtr storage = *make_local_storage(dir / "repo", {.create = true});
  WalArchive archive{make()};
  base::UniqueFd wake{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  WalReceiveOptions options;
  Fixture() { options.synchronous = true; }

  Repository make() const {
    CreateOptions how;
    how.passwords.push_back(Secret::from_text("pw"));
    how.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
    auto made = Repository::create({}, storage, std::move(how));
    REQUIRE_MESSAGE(made.ok(), made.error().to_string());
    return std::move(*made);
  }
  std::unique_ptr<WalUploader> uploader(std::vector<WalName> known = {}) {
    return std::make_unique<WalUploader>(
        Context(), archive, UploadStart{kSystem, 1, kSegment, kStart, std::move(known)}, options, wake.get());
  }
  /// As a receiver does it: everything is acknowledged before more comes.
  void send(WalUploader& upload, ByteView log, std::size_t from, std::size_t part) const {
    for (std::size_t at = from; at < log.size(); at += part) {
      const std::size_t count = std::min(part, log.size() - at);
      REQUIRE(upload.append(kStart + at, log.subspan(at, count)).ok());
      upload.store_here(true);
      const auto end = std::chrono::steady_clock::now() + 20s;
      while (upload.durable() < kStart + at + count && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(1ms);
      }
      REQUIRE(upload.durable() == kStart + at + count);
    }
  }
  std::vector<WalName> listed() const {
    const auto objects = archive.list({}, kSystem);
    REQUIRE_MESSAGE(objects.ok(), objects.error().to_string());
    std::vector<WalName> names;
    for (const WalObject& object : *objects) names.push_back(object.name);
    return names;
  }
  std::size_t stored_objects() const {
    std::size_t count = 0;
    REQUIRE(storage->list({}, "wal/", [&](const ObjectInfo&) { return ++count, true; }).ok());
    return count;
  }
  /// What a restore would get of everything that is stored.
  void expect_log(ByteView log) const {
    for (std::size_t at = 0; at < log.size(); at += kSegment) {
      const Lsn start = kStart + at;
      const auto segment = read_segment({}, archive, {WalKind::segment, kSystem, 1, start, start + kSegment});
      REQUIRE_MESSAGE(segment.ok(), segment.error().to_string());
      const ByteView own = log.subspan(at, std::min<std::size_t>(kSegment, log.size() - at));
      CHECK(segment->end == start + own.size());
      CHECK(std::equal(own.begin(), own.end(), segment->bytes.begin()));
    }
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a commit is stored by the thread that brings it, all of them in one object") {
  const Bytes log = log_of(100'000);
  const auto upload = uploader();
  send(*upload, ByteView(log).first(5000), 0, 5000);
  std::uint64_t here = 0;
  for (std::size_t at = 5000; at < log.size(); at += 5000) {
    REQUIRE(upload->append(kStart + at, ByteView(log).subspan(at, 5000)).ok());
    upload->store_here(true);
    here += upload->durable() == kStart + at + 5000 ? 1 : 0;
  }
  // Every now and then the other thread looks whether anything was left lying, and is faster.
  CHECK(here >= 15);
  send(*upload, log, log.size(), 1);
  CHECK(stored_objects() == 1);
  REQUIRE(listed().size() == 1);
  CHECK(listed()[0] == WalName{WalKind::piece, kSystem, 1, kStart, kStart + 100'000});
  REQUIRE(upload->finish().ok());
  expect_log(log);
}

TEST_CASE_FIXTURE(Fixture, "what is never asked for here is stored all the same") {
  const Bytes log = log_of(60'000);
  const auto upload = uploader();
  for (std::size_t at = 0; at < log.size(); at += 20'000) {
    REQUIRE(upload->append(kStart + at, ByteView(log).subspan(at, 20'000)).ok());
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (upload->durable() < kStart + at + 20'000 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(1ms);
    }
    REQUIRE(upload->durable() == kStart + at + 20'000);
  }
}

TEST_CASE_FIXTURE(Fixture, "tails go when their segment is whole") {
  const Bytes log = log_of(2 * kSegment + 70'000);
  const auto upload = uploader();
  send(*upload, log, 0, 30'000);
  REQUIRE(upload->finish().ok());
  expect_log(log);
  // Two segments and the tail of the third.
  CHECK(stored_objects() == 3);
}

TEST_CASE_FIXTURE(Fixture, "a receiver goes on behind a killed one's tail and clears it away in the end") {
  const Bytes log = log_of(kSegment + 10'000);
  auto upload = uploader();
  send(*upload, ByteView(log).first(200'000), 0, 7000);
  upload = nullptr;
  const auto resume = find_resume_point({}, archive, kSystem, {{1, 0, ~Lsn{0}}}, kSegment);
  REQUIRE(resume.ok());
  CHECK(resume->stored == kStart + 200'000);
  upload = uploader(resume->known);
  REQUIRE(upload->append(kStart, ByteView(log).first(200'000)).ok());
  send(*upload, log, 200'000, 50'000);
  REQUIRE(upload->finish().ok());
  expect_log(log);
  CHECK(stored_objects() == 2);
}

TEST_CASE_FIXTURE(Fixture, "what differs from a killed one's tail is refused") {
  const Bytes log = log_of(100'000);
  auto upload = uploader();
  send(*upload, log, 0, 10'000);
  const auto known = listed();
  upload = uploader(known);
  Bytes other = log;
  other[55'555] ^= std::byte{1};
  REQUIRE(upload->append(kStart, other).ok());
  const auto finished = upload->finish();
  REQUIRE_FALSE(finished.ok());
  CHECK(finished.error().code() == ErrorCode::already_exists);
}

TEST_CASE_FIXTURE(Fixture, "a tail that was killed before its first piece is in nobody's way") {
  const Bytes log = log_of(kSegment + 10'000);
  REQUIRE(archive.begin_tail({}, kSystem, 1, kStart).ok());
  CHECK(listed().empty());
  const auto upload = uploader();
  send(*upload, log, 0, 40'000);
  REQUIRE(upload->finish().ok());
  expect_log(log);
  CHECK(stored_objects() == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "another receiver's tail goes with the segment when it says the same, and stays when it does not") {
  const Bytes log = log_of(kSegment + 10'000);
  for (const bool differs : {false, true}) {
    const Lsn begin = kStart + (differs ? 0 : 35'000);
    Bytes theirs(log.begin() + static_cast<std::ptrdiff_t>(begin - kStart), log.begin() + 90'000);
    if (differs) theirs[5] ^= std::byte{1};
    auto other = archive.begin_tail({}, kSystem, 1, begin);
    REQUIRE(other.ok());
    REQUIRE((*other)->append({}, theirs).ok());
  }
  const auto upload = uploader();
  send(*upload, log, 0, 35'000);
  REQUIRE(upload->finish().ok());
  expect_log(log);
  const auto names = listed();
  const auto count = [&](Lsn start) {
    const WalName theirs{WalKind::piece, kSystem, 1, start, kStart + 90'000};
    return std::count(names.begin(), names.end(), theirs);
  };
  CHECK(count(kStart) == 1);
  CHECK(count(kStart + 35'000) == 0);
}

TEST_CASE_FIXTURE(Fixture, "where a tail cannot be added to, pieces follow it") {
  const Bytes log = log_of(300'000);
  const auto upload = uploader();
  send(*upload, ByteView(log).first(100'000), 0, 10'000);
  {
    testing::OsFaults faults;
    faults->fdatasync = [](int) { return errno = EIO, -1; };
    send(*upload, ByteView(log).first(150'000), 100'000, 10'000);
  }
  send(*upload, log, 150'000, 10'000);
  REQUIRE(upload->finish().ok());
  expect_log(log);
}

TEST_CASE_FIXTURE(Fixture, "tails of tiny pieces become pieces, so that none is much longer than its log") {
  const Bytes log = log_of(700'000);
  const auto upload = uploader();
  send(*upload, log, 0, 48);
  std::uint64_t longest = 0;
  REQUIRE(storage
              ->list({}, "wal/",
                     [&](const ObjectInfo& info) {
                       longest = std::max(longest, info.size_bytes);
                       return true;
                     })
              .ok());
  CHECK(longest < (std::uint64_t{6} << 20));
  REQUIRE(upload->finish().ok());
  const auto names = listed();
  CHECK(std::any_of(names.begin(), names.end(), [](const WalName& name) { return name.start == kStart; }));
  expect_log(log);
}
