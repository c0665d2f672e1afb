// The log's objects: stored once, compared, opened by those who may, and damage found.
#include <doctest/doctest.h>

#include <algorithm>

#include <drkit/check.hpp>
#include <drkit/storage.hpp>
#include <drkit/wal.hpp>

#include "base/hex.hpp"
#include "repo/impl.hpp"
#include "repo/wal_names.hpp"
#include "repo/wal_store.hpp"

using namespace drkit;

namespace {

constexpr PasswordCost kCheap{.operations = 1, .memory_bytes = 1 << 20};
constexpr std::uint64_t kSystem = 7'000'000'000'000'000'001;

Repository make(const StoragePtr& storage, const std::string& writer) {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = kCheap;
  auto made = Repository::create({}, storage, std::move(options));
  REQUIRE_MESSAGE(made.ok(), made.error().to_string());
  REQUIRE(made->add_recipient({}, writer, KeyRole::write, "writer").ok());
  return std::move(*made);
}

Repository open_writer(const StoragePtr& storage, const KeyFile& key) {
  OpenOptions options;
  options.credential.key = key.secret_key.clone();
  auto opened = Repository::open({}, storage, std::move(options));
  REQUIRE_MESSAGE(opened.ok(), opened.error().to_string());
  return std::move(*opened);
}

WalName segment(std::uint64_t number, std::uint32_t timeline = 1) {
  return {WalKind::segment, kSystem, timeline, number << 24, (number + 1) << 24};
}

Bytes content(std::uint8_t seed, std::size_t size = 100'000) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i / 7 + seed) & 0xFF);
  return bytes;
}

struct Fixture {
  StoragePtr storage = make_memory_storage();
  KeyFile key = *KeyFile::generate();
  Repository repository = make(storage, key.public_key);
  WalArchive archive{repository};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "what was put comes back, with what was seen in it") {
  WalFacts facts;
  facts.commits = 3;
  facts.first_time_ns = 5;
  facts.last_time_ns = 9;
  facts.min_xid = 700;
  facts.max_xid = 702;
  facts.restore_points = {{"before upgrade", 123, 8}};
  CHECK(archive.put({}, segment(1), content(1), facts).value() == WalPut::stored);
  CHECK(archive.get({}, segment(1)).value() == content(1));
  const auto read = archive.facts({}, segment(1));
  REQUIRE(read.ok());
  CHECK(read->commits == 3);
  CHECK(read->max_xid == 702);
  REQUIRE(read->restore_points.size() == 1);
  CHECK(read->restore_points[0].name == "before upgrade");
  CHECK(archive.get({}, segment(2)).error().code() == ErrorCode::not_found);
}

TEST_CASE_FIXTURE(Fixture, "the same bytes again are success, others are refused and change nothing") {
  REQUIRE(archive.put({}, segment(1), content(1)).ok());
  CHECK(archive.put({}, segment(1), content(1)).value() == WalPut::was_there);
  const auto other = archive.put({}, segment(1), content(2));
  REQUIRE_FALSE(other.ok());
  CHECK(other.error().code() == ErrorCode::already_exists);
  CHECK(archive.get({}, segment(1)).value() == content(1));
  CHECK(archive.list({}, kSystem)->size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a write key stores, compares and lists, and reads nothing back") {
  const WalArchive writer(open_writer(storage, key));
  CHECK(writer.put({}, segment(1), content(1)).value() == WalPut::stored);
  CHECK(writer.put({}, segment(1), content(1)).value() == WalPut::was_there);
  CHECK(writer.put({}, segment(1), content(2)).error().code() == ErrorCode::already_exists);
  CHECK(writer.list({}, std::nullopt)->size() == 1);
  CHECK(writer.facts({}, segment(1)).ok());
  CHECK(writer.get({}, segment(1)).error().code() == ErrorCode::permission_denied);
  CHECK(archive.get({}, segment(1)).value() == content(1));
}

TEST_CASE_FIXTURE(Fixture, "a listing alone says what is there, in order, by cluster") {
  const WalName history{WalKind::history, kSystem, 2, 0, 0};
  const WalName gap{WalKind::gap, kSystem, 1, 5 << 24, 7 << 24};
  const WalName far{WalKind::segment, kSystem, 1, std::uint64_t{9} << 32, (std::uint64_t{9} << 32) + (1 << 24)};
  WalName elsewhere = segment(1);
  elsewhere.system_id = 42;
  for (const WalName& name : {far, segment(3), history, segment(2, 2), segment(1), gap, elsewhere}) {
    REQUIRE(archive.put({}, name, name.kind == WalKind::gap ? Bytes() : content(1)).ok());
  }
  const auto all = archive.list({}, kSystem);
  REQUIRE(all.ok());
  std::vector<WalName> names;
  for (const WalObject& object : *all) names.push_back(object.name);
  CHECK(names == std::vector<WalName>{segment(1), segment(3), gap, far, history, segment(2, 2)});
  CHECK(archive.list({}, std::nullopt)->size() == 7);
  CHECK(archive.list({}, 43)->empty());
  CHECK(archive.list_near({}, kSystem, 1, segment(2).start)->size() == 2);
  CHECK(archive.list_notes({}, kSystem)->size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "names say nothing without the key and are the same every time") {
  const Repository::Impl& impl = *repository.impl();
  const auto first = repo::wal_key(impl, segment(1)), again = repo::wal_key(impl, segment(1));
  CHECK(*first == *again);
  CHECK(validate_storage_key(*first).ok());
  CHECK(*repo::wal_key(impl, segment(2)) != *first);
  CHECK(repo::parse_wal_key(impl, *first).value() == segment(1));
  // A name below another group, and one of another repository.
  const std::string name = first->substr(first->rfind('/'));
  const std::string elsewhere = repo::wal_group_prefix(impl, kSystem, 2, 0);
  CHECK_FALSE(repo::parse_wal_key(impl, elsewhere + name.substr(1)).ok());
  const Repository other = make(make_memory_storage(), key.public_key);
  CHECK_FALSE(repo::parse_wal_key(*other.impl(), *first).ok());
  CHECK(*repo::wal_key(*other.impl(), segment(1)) != *first);
}

TEST_CASE_FIXTURE(Fixture, "every flipped bit and every cut is found") {
  REQUIRE(archive.put({}, segment(1), content(1, 3000)).ok());
  const std::string key_of = archive.list({}, kSystem)->front().key;
  const Bytes whole = storage->get({}, key_of, {}).value();
  for (std::size_t at = 0; at < whole.size(); at += 11) {
    Bytes damaged = whole;
    damaged[at] ^= std::byte{4};
    REQUIRE(storage->put({}, key_of, damaged, {}).ok());
    const auto got = archive.get({}, segment(1));
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code() == ErrorCode::corrupt);
    // Damaged bytes must not pass for stored either.
    CHECK_FALSE(archive.put({}, segment(1), content(1, 3000)).ok());
  }
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    REQUIRE(storage->put({}, key_of, ByteView(whole).first(size), {}).ok());
    CHECK(archive.get({}, segment(1)).error().code() == ErrorCode::corrupt);
    if (size < 200) CHECK_FALSE(archive.facts({}, segment(1)).ok());
  }
}

TEST_CASE_FIXTURE(Fixture, "an object under another's name does not open") {
  REQUIRE(archive.put({}, segment(1), content(1)).ok());
  REQUIRE(archive.put({}, segment(2), content(2)).ok());
  const auto all = *archive.list({}, kSystem);
  const Bytes second = storage->get({}, all[1].key, {}).value();
  REQUIRE(storage->put({}, all[0].key, second, {}).ok());
  CHECK(archive.get({}, segment(1)).error().code() == ErrorCode::corrupt);
  CHECK(archive.facts({}, segment(1)).error().code() == ErrorCode::corrupt);
}

TEST_CASE_FIXTURE(Fixture, "names of somebody else are passed over, impossible ones refused") {
  REQUIRE(archive.put({}, segment(1), content(1)).ok());
  REQUIRE(storage->put({}, "wal/readme", as_bytes("x"), {}).ok());
  REQUIRE(storage->put({}, "wal/aa/bb/00ff", as_bytes("x"), {}).ok());
  CHECK(archive.list({}, std::nullopt)->size() == 1);
  CHECK_FALSE(archive.put({}, {WalKind::segment, kSystem, 0, 0, 10}, content(1)).ok());
  CHECK_FALSE(archive.put({}, {WalKind::piece, kSystem, 1, 10, 10}, content(1)).ok());
  CHECK_FALSE(archive.put({}, {WalKind::history, kSystem, 1, 0, 10}, content(1)).ok());
  CHECK(archive.remove_piece({}, segment(1)).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE_FIXTURE(Fixture, "a check without a key knows the log's objects, and names one that was damaged") {
  REQUIRE(archive.put({}, segment(1), content(1)).ok());
  REQUIRE(archive.put({}, segment(2), content(2)).ok());
  const auto sound = check_objects({}, *storage);
  REQUIRE(sound.ok());
  CHECK(sound->findings.empty());
  const std::string first = archive.list({}, kSystem)->front().key;
  Bytes bytes = *storage->get({}, first, {});
  bytes[bytes.size() / 2] ^= std::byte{1};
  REQUIRE(storage->put({}, first, bytes, {}).ok());
  const auto damaged = check_objects({}, *storage);
  REQUIRE(damaged.ok());
  REQUIRE(damaged->findings.size() == 1);
  CHECK(damaged->findings[0].severity == Severity::damage);
  CHECK(damaged->findings[0].subject == first);
}
