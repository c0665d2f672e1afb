// The chunk writer when its storage fails, when it is cancelled, and when it is given up half way.
#include "repo/chunk_writer.hpp"

#include <doctest/doctest.h>

#include <drkit/storage.hpp>

#include "crypto/sha256.hpp"
#include "repo/chunk_reader.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::repo;
using drkit::testing::SeededRandom;

namespace {

std::shared_ptr<Repository::Impl> new_repository() {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto repository = Repository::create(Context(), make_memory_storage(), std::move(options));
  REQUIRE(repository.ok());
  repository->impl()->budget.frame_bytes = 8 << 10;
  repository->impl()->budget.pack_bytes = 20 << 10;
  return repository->impl();
}

// Adds chunks until one fails, at most so many.
Result<void> add_many(ChunkWriter& writer, std::uint64_t seed, int count) {
  SeededRandom random(seed);
  for (int i = 0; i < count; ++i) {
    const Bytes plain = random.bytes(1 + static_cast<std::size_t>(random.below(5000)));
    DRKIT_TRY(writer.add(format::PackType::data, writer.id_of(format::PackType::data, crypto::sha256(plain)), plain));
  }
  return {};
}

}  // namespace

TEST_CASE("chunks come back as they were, those of a half-full frame too") {
  const Context ctx;
  const auto impl = new_repository();
  const auto writer = ChunkWriter::open(ctx, impl, 1);
  REQUIRE(writer.ok());
  SeededRandom random(1);
  std::vector<Bytes> all;
  for (int i = 0; i < 100; ++i) {
    Bytes plain = random.bytes(static_cast<std::size_t>(random.below(9000)));
    if (i % 3 == 0) std::fill(plain.begin(), plain.end(), static_cast<std::byte>(i));
    all.push_back(std::move(plain));
  }
  for (const Bytes& plain : all) {
    const auto id = (*writer)->id_of(format::PackType::data, crypto::sha256(plain));
    const bool known = *(*writer)->contains(format::PackType::data, id);
    CHECK(*(*writer)->add(format::PackType::data, id, plain) == !known);
    CHECK(*(*writer)->contains(format::PackType::data, id));
    CHECK_FALSE(*(*writer)->add(format::PackType::data, id, plain));
  }
  REQUIRE((*writer)->flush().ok());
  const auto reader = ChunkReader::open(ctx, impl);
  REQUIRE(reader.ok());
  for (const Bytes& plain : all) {
    const auto read =
        (*reader)->read(ctx, format::PackType::data, (*writer)->id_of(format::PackType::data, crypto::sha256(plain)));
    REQUIRE_MESSAGE(read.ok(), read.error().to_string());
    REQUIRE(*read == plain);
  }
}

TEST_CASE("a put that fails ends the writer, at the latest with its flush, for good") {
  const Context ctx;
  for (std::uint64_t nth = 1; nth <= 6; ++nth) {
    CAPTURE(nth);
    const auto impl = new_repository();
    impl->storage =
        with_faults(impl->storage, {.faults = {{.call = StorageCall::put, .nth = nth, .retry = Retry::no}}});
    const auto writer = ChunkWriter::open(ctx, impl, 0);
    REQUIRE(writer.ok());
    const auto added = add_many(**writer, nth, 30);
    if (!added) CHECK(added.error().code() == ErrorCode::unavailable);
    const auto flushed = (*writer)->flush();
    REQUIRE_FALSE(flushed.ok());
    CHECK(flushed.error().code() == ErrorCode::unavailable);
    CHECK_FALSE((*writer)->flush().ok());
  }
}

TEST_CASE("a cancelled writer stops, a writer given up half way ends its threads") {
  Context ctx;
  const auto impl = new_repository();
  const auto writer = ChunkWriter::open(ctx, impl, 1);
  REQUIRE(writer.ok());
  REQUIRE(add_many(**writer, 1, 50).ok());
  ctx.cancel.cancel();
  CHECK(add_many(**writer, 2, 50).error().code() == ErrorCode::cancelled);
  CHECK_FALSE((*writer)->flush().ok());
  for (int i = 0; i < 20; ++i) {
    const Context fresh;
    const auto abandoned = ChunkWriter::open(fresh, impl, 1);
    REQUIRE(abandoned.ok());
    CHECK(add_many(**abandoned, 100 + static_cast<std::uint64_t>(i), i * 3).ok());
  }
}

TEST_CASE("a level that no codec knows fails the writer instead of storing anything") {
  const Context ctx;
  const auto impl = new_repository();
  const auto writer = ChunkWriter::open(ctx, impl, 77);
  REQUIRE(writer.ok());
  const auto added = add_many(**writer, 1, 40);
  CHECK(((!added && added.error().code() == ErrorCode::invalid_argument) ||
         (*writer)->flush().error().code() == ErrorCode::invalid_argument));
  CHECK((*writer)->bytes_stored() == 0);
}
