#include "crypto/kdf.hpp"

#include <doctest/doctest.h>

#include "crypto/chunk_id.hpp"
#include "crypto/sodium.hpp"
#include "testing/hex.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::crypto;
using drkit::testing::SeededRandom;
using drkit::testing::to_hex;

namespace {

Secret key_of(int value) { return Secret::copy_of(Bytes(32, static_cast<std::byte>(value))); }
constexpr Argon2Params kCheap{1, 8192};

}  // namespace

TEST_CASE("pinned: argon2id") {
  const Bytes salt(kSaltBytes, std::byte{2});
  const Secret password = Secret::from_text("password");
  CHECK(to_hex(argon2id(password, salt, {3, 65536}).value().view()) ==
        "7a6f5cf28538d4a2f5a94b4fc73d353d26ff03035ffc62a54b22acfad191cb5f");
  CHECK(to_hex(argon2id(Secret(), salt, kCheap).value().view()) ==
        "32b1329ca740d3f43ae5c47432e53c82dc8d0741c1f51f677051601fcb719f50");
}

TEST_CASE("argon2id depends on password, salt and parameters") {
  const Bytes salt(kSaltBytes);
  const Bytes other_salt(kSaltBytes, std::byte{1});
  const Secret reference = argon2id(Secret::from_text("a"), salt, kCheap).value();
  CHECK(reference == argon2id(Secret::from_text("a"), salt, kCheap).value());
  CHECK_FALSE(reference == argon2id(Secret::from_text("b"), salt, kCheap).value());
  CHECK_FALSE(reference == argon2id(Secret::from_text("a"), other_salt, kCheap).value());
  CHECK_FALSE(reference == argon2id(Secret::from_text("a"), salt, {2, 8192}).value());
  CHECK_FALSE(reference == argon2id(Secret::from_text("a"), salt, {1, 16384}).value());
}

TEST_CASE("argon2id refuses what would exhaust the reader, before it starts") {
  const Secret password = Secret::from_text("a");
  const Bytes salt(kSaltBytes);
  for (const Argon2Params params : {Argon2Params{65, 8192}, Argon2Params{0, 8192}, Argon2Params{1, 8191},
                                    Argon2Params{1, (1U << 30) + 1}, Argon2Params{1, ~std::uint64_t{0}}}) {
    CHECK_FALSE(argon2_params_acceptable(params));
    CHECK(argon2id(password, salt, params).error().code() == ErrorCode::invalid_argument);
  }
  CHECK(argon2_params_acceptable(Argon2Params{}));
  CHECK(argon2id(password, Bytes(15), kCheap).error().code() == ErrorCode::invalid_argument);
}

TEST_CASE("pinned: derived and expanded keys") {
  CHECK(to_hex(derive_key(key_of(1), "drkit test").view()) ==
        "57c3fccbaf993f95f24fd431e6d38cda354e299e631792b362d78fe1bbc7d4d2");
  CHECK(to_hex(expand_key(key_of(1), 40).view()) ==
        "023f37203a2476c42566a61cc55c3ca875dbb4cc41c0deb789f8e7bf881836381ecc3686b60ee3b8");
}

TEST_CASE("purposes and keys give unrelated keys") {
  const Secret reference = derive_key(key_of(1), "a");
  CHECK(reference.size() == 32);
  CHECK(reference == derive_key(key_of(1), "a"));
  CHECK_FALSE(reference == derive_key(key_of(1), "b"));
  CHECK_FALSE(reference == derive_key(key_of(1), {}));
  CHECK_FALSE(reference == derive_key(key_of(2), "a"));
}

TEST_CASE("an unusable key never gives what others could compute") {
  CHECK_FALSE(derive_key(Secret(), "a") == derive_key(Secret(), "a"));
  CHECK_FALSE(expand_key(Secret(), 32) == expand_key(Secret(), 32));
  CHECK(chunk_id(Secret(), Digest{}) != chunk_id(Secret(), Digest{}));
}

TEST_CASE("pinned: chunk id") {
  CHECK(to_hex(chunk_id(key_of(3), sha256(as_bytes("abc")))) ==
        "6a4382067c819f5e207eb920d3da9cb79f1dcc7b65c9779331f8fe293daccc3f");
}

TEST_CASE("chunk ids depend on key and contents") {
  const ChunkId id = chunk_id(key_of(1), sha256(as_bytes("a")));
  CHECK(id == chunk_id(key_of(1), sha256(as_bytes("a"))));
  CHECK(id != chunk_id(key_of(1), sha256(as_bytes("b"))));
  CHECK(id != chunk_id(key_of(2), sha256(as_bytes("a"))));
}

TEST_CASE("the libraries can be made ready more than once") {
  CHECK(ready());
  CHECK(ready());
}

TEST_CASE("the system's random bytes differ, the seeded ones repeat") {
  CHECK(random_bytes(32) != random_bytes(32));
  CHECK(random_bytes(0).empty());
  CHECK(SeededRandom(1).bytes(20) == SeededRandom(1).bytes(20));
  CHECK(SeededRandom(1).bytes(20) != SeededRandom(2).bytes(20));
}

TEST_CASE("wiping leaves zeros") {
  Bytes bytes(100, std::byte{1});
  wipe(bytes);
  CHECK(bytes == Bytes(100));
}
