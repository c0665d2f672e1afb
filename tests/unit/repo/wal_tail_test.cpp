// Tails of the log: read as one piece as far as they are whole, whatever happened to their end, and never wrongly.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include <drkit/check.hpp>
#include <drkit/storage.hpp>
#include <drkit/wal.hpp>

#include "testing/temp_dir.hpp"

using namespace drkit;

namespace {

constexpr std::uint64_t kSystem = 7'000'000'000'000'000'002;
constexpr std::uint64_t kStart = 0x3000000;

Bytes content(std::size_t size, unsigned seed) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 7 + seed) >> 1 & 0xFF);
  return bytes;
}

WalName piece(std::uint64_t start, std::uint64_t end) { return {WalKind::piece, kSystem, 1, start, end}; }

struct Fixture {
  testing::TempDir dir;
  StoragePtr storage = *make_local_storage(dir / "repo", {.create = true});
  KeyFile key = *KeyFile::generate();
  Repository repository = make();
  WalArchive archive{repository};
  std::vector<std::uint64_t> ends;  ///< of the pieces
  Bytes log;

  Repository make() {
    CreateOptions options;
    options.passwords.push_back(Secret::from_text("pw"));
    options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
    auto made = Repository::create({}, storage, std::move(options));
    REQUIRE_MESSAGE(made.ok(), made.error().to_string());
    REQUIRE(made->add_recipient({}, key.public_key, KeyRole::write, "writer").ok());
    return std::move(*made);
  }
  WalArchive as_writer() {
    OpenOptions options;
    options.credential.key = key.secret_key.clone();
    auto opened = Repository::open({}, storage, std::move(options));
    REQUIRE_MESSAGE(opened.ok(), opened.error().to_string());
    return WalArchive(std::move(*opened));
  }
  std::unique_ptr<WalTail> begin(std::uint64_t start = kStart) {
    auto begun = archive.begin_tail({}, kSystem, 1, start);
    REQUIRE_MESSAGE(begun.ok(), begun.error().to_string());
    return std::move(*begun);
  }
  void add(WalTail& tail, std::size_t size) {
    const Bytes bytes = content(size, static_cast<unsigned>(ends.size()));
    REQUIRE(tail.append({}, bytes).ok());
    log.insert(log.end(), bytes.begin(), bytes.end());
    ends.push_back(kStart + log.size());
  }
  void fill() {
    const auto tail = begin();
    for (const unsigned size : {200U, 90U, 700U}) add(*tail, size);
  }
  std::vector<WalObject> listed() const {
    auto objects = archive.list({}, kSystem);
    REQUIRE_MESSAGE(objects.ok(), objects.error().to_string());
    return std::move(*objects);
  }
  std::string tail_key() const {
    std::string found;
    REQUIRE(storage->list({}, "wal/", [&](const ObjectInfo& info) { return found = info.key, true; }).ok());
    return found;
  }
  /// The stored bytes without the zeros behind them.
  Bytes stored(const std::string& at) const {
    const auto objects = listed();
    REQUIRE(objects.size() == 1);
    return *storage->get({}, at, {0, objects[0].stored_bytes});
  }
  void replace(const std::string& at, ByteView bytes) const { REQUIRE(storage->put({}, at, bytes, {}).ok()); }
};

template <class T>
ErrorCode code_of(const Result<T>& result) {
  return result.ok() ? ErrorCode::ok : result.error().code();
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a tail is listed and read as one piece, which grows") {
  const auto tail = begin();
  CHECK(listed().empty());
  add(*tail, 5000);
  REQUIRE(listed().size() == 1);
  CHECK(listed()[0].name == piece(kStart, kStart + 5000));
  add(*tail, 1);
  add(*tail, 300'000);
  CHECK(listed()[0].name == piece(kStart, ends.back()));
  CHECK_FALSE(listed()[0].damaged);
  const auto near = archive.list_near({}, kSystem, 1, kStart);
  REQUIRE(near.ok());
  CHECK(near->size() == 1);
  // What somebody saw earlier is there still.
  for (const std::uint64_t end : ends) {
    const auto got = archive.get({}, piece(kStart, end));
    REQUIRE_MESSAGE(got.ok(), got.error().to_string());
    CHECK(std::equal(got->begin(), got->end(), log.begin(), log.begin() + static_cast<std::ptrdiff_t>(end - kStart)));
  }
  CHECK(code_of(archive.get({}, piece(kStart, ends.back() + 1))) == ErrorCode::not_found);
  CHECK(code_of(archive.get({}, piece(kStart, ends[0] + 100))) == ErrorCode::not_found);
  CHECK(code_of(archive.begin_tail({}, kSystem, 1, kStart)) == ErrorCode::already_exists);
  REQUIRE(archive.remove_tail({}, kSystem, 1, kStart).ok());
  CHECK(listed().empty());
  CHECK(archive.remove_tail({}, kSystem, 1, kStart).ok());
}

TEST_CASE_FIXTURE(Fixture, "a key of the write role adds to tails and compares them, but does not read them") {
  const WalArchive writer = as_writer();
  auto tail = writer.begin_tail({}, kSystem, 1, kStart);
  REQUIRE(tail.ok());
  add(**tail, 4000);
  add(**tail, 90);
  const WalName whole = piece(kStart, ends.back());
  CHECK(writer.list({}, kSystem).value()[0].name == whole);
  CHECK(writer.same({}, whole, log).value());
  CHECK(writer.same({}, piece(kStart, ends[0]), ByteView(log).first(4000)).value());
  CHECK(code_of(writer.get({}, whole)) == ErrorCode::permission_denied);
  for (const std::size_t at : {std::size_t{0}, std::size_t{3999}, std::size_t{4000}, log.size() - 1}) {
    Bytes other = log;
    other[at] ^= std::byte{1};
    CHECK_FALSE(writer.same({}, whole, other).value());
  }
  CHECK_FALSE(writer.same({}, whole, ByteView(log).first(4000)).value());
  CHECK(archive.get({}, whole).value() == log);
}

TEST_CASE_FIXTURE(Fixture, "a tail cut off anywhere reaches as far as its last whole piece") {
  fill();
  const std::string key_of_tail = tail_key();
  const Bytes bytes = stored(key_of_tail);
  std::size_t seen = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    for (const bool zeros : {false, true}) {
      Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      if (zeros) cut.resize(bytes.size() + 1000);
      replace(key_of_tail, cut);
      const auto objects = listed();
      REQUIRE(objects.size() <= 1);
      if (objects.empty()) continue;
      REQUIRE_FALSE(objects[0].damaged);
      const std::uint64_t end = objects[0].name.end;
      REQUIRE(std::count(ends.begin(), ends.end(), end) == 1);
      seen = std::max<std::size_t>(seen, end - kStart);
      const auto got = archive.get({}, objects[0].name);
      REQUIRE_MESSAGE(got.ok(), got.error().to_string());
      REQUIRE(std::equal(got->begin(), got->end(), log.begin()));
    }
  }
  CHECK(seen == ends[1] - kStart);
  replace(key_of_tail, ByteView(bytes).first(bytes.size() - 1));
  const auto report = check_objects({}, *storage);
  REQUIRE(report.ok());
  CHECK(report->status() == CheckStatus::complete);
  REQUIRE(report->findings.size() == 1);
  CHECK(report->findings[0].code == "log_tail_unfinished");
  CHECK(report->findings[0].subject == key_of_tail);
}

TEST_CASE_FIXTURE(Fixture, "any flipped byte of a tail is noticed, and never read") {
  fill();
  const std::string key_of_tail = tail_key();
  const Bytes bytes = stored(key_of_tail);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    Bytes flipped = bytes;
    flipped[at] ^= std::byte{0x10};
    replace(key_of_tail, flipped);
    const auto got = archive.get({}, piece(kStart, ends.back()));
    REQUIRE_FALSE(got.ok());
    const auto objects = listed();
    const bool good = !objects.empty() && objects[0].name.kind == WalKind::piece;
    const std::uint64_t good_until = good ? objects[0].name.end : kStart;
    REQUIRE((good_until == kStart || good_until == ends[0] || good_until == ends[1]));
    if (good)
      REQUIRE(archive.get({}, objects[0].name).value() ==
              Bytes(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(good_until - kStart)));
    const auto report = check_objects({}, *storage);
    REQUIRE(report.ok());
    REQUIRE_MESSAGE(report->findings.size() == 1, "byte " << at);
    REQUIRE(report->findings[0].subject == key_of_tail);
    // Only of the last piece nobody can tell a crash from damage.
    const bool of_last = good_until == ends[1];
    REQUIRE_MESSAGE((report->findings[0].code == "object_damaged") != of_last, "byte " << at);
    REQUIRE(got.error().code() == (of_last ? ErrorCode::not_found : ErrorCode::corrupt));
    REQUIRE(objects.size() == (good ? 1 : 0) + (of_last ? 0 : 1));
    if (of_last) continue;
    REQUIRE(objects.back().damaged);
    REQUIRE(objects.back().name == WalName{WalKind::tail, kSystem, 1, good_until, ~std::uint64_t{0}});
  }
}

TEST_CASE_FIXTURE(Fixture, "who looks on while a tail is written looks twice before damage is believed") {
  fill();
  const Bytes bytes = stored(tail_key());
  for (std::size_t at = 0; at < bytes.size(); at += 37) {
    const auto seen_torn = [&](std::uint64_t times) {
      OpenOptions options;
      options.credential.password = Secret::from_text("pw");
      const Fault torn{.kind = FaultKind::bit_flip,
                       .call = StorageCall::get,
                       .times = times,
                       .key_prefix = "wal/",
                       .position = at * 8};
      auto opened = Repository::open({}, with_faults(storage, {.faults = {torn}}), std::move(options));
      REQUIRE_MESSAGE(opened.ok(), opened.error().to_string());
      return WalArchive(std::move(*opened)).list({}, kSystem).value();
    };
    const auto once = seen_torn(1);
    REQUIRE(once.size() == 1);
    REQUIRE(once[0].name == piece(kStart, ends.back()));
    REQUIRE_FALSE(seen_torn(2)[0].name == once[0].name);
  }
}

TEST_CASE_FIXTURE(Fixture, "a tail put in another's place, or together from others, shows as damaged") {
  fill();
  const std::string first = tail_key();
  const Bytes bytes = stored(first);
  REQUIRE(archive.remove_tail({}, kSystem, 1, kStart).ok());
  const auto other = begin(kStart + 0x1000000);
  REQUIRE(other->append({}, log).ok());
  const std::string second = tail_key();
  replace(second, bytes);
  REQUIRE(listed().size() == 1);
  CHECK(listed()[0].name.kind == WalKind::tail);
  CHECK(listed()[0].name.start == kStart + 0x1000000);
  CHECK(listed()[0].damaged);
  CHECK(code_of(archive.get({}, piece(kStart + 0x1000000, kStart + 0x1000000 + log.size()))) == ErrorCode::corrupt);
}

TEST_CASE_FIXTURE(Fixture, "a storage whose objects cannot grow has no tails") {
  storage = make_memory_storage();
  const Repository other = make();
  CHECK(code_of(WalArchive(other).begin_tail({}, kSystem, 1, kStart)) == ErrorCode::unsupported);
}
