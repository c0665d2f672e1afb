// The file's state of ChunkedSha256 must be read and set word by word, so that the two-hash path and libcrypto can take
// turns on it. Only libcrypto's low-level SHA256_* calls allow that; version 3 calls them deprecated, keeps them, and they
// run the same assembly as EVP. Everything that does not need the words goes through EVP.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha256.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "crypto/evp.hpp"
#include "crypto/sha256_dual.hpp"

namespace drkit::crypto {
namespace {

using State = ChunkedSha256::State;

constexpr std::size_t kBlockBytes = 64;
constexpr std::array<std::uint32_t, 8> kInitialWords = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr State kInitialState{kInitialWords, 0, {}};

SHA256_CTX to_libcrypto(const State& state) {
  SHA256_CTX context{};
  context.md_len = SHA256_DIGEST_LENGTH;
  std::copy(state.words.begin(), state.words.end(), context.h);
  context.Nl = static_cast<SHA_LONG>(state.bytes << 3);
  context.Nh = static_cast<SHA_LONG>(state.bytes >> 29);
  context.num = static_cast<unsigned>(state.bytes % kBlockBytes);
  std::memcpy(context.data, state.partial.data(), context.num);
  return context;
}

void absorb(State& state, ByteView bytes) {
  if (bytes.empty()) return;
  SHA256_CTX context = to_libcrypto(state);
  SHA256_Update(&context, bytes.data(), bytes.size());
  std::copy(std::begin(context.h), std::end(context.h), state.words.begin());
  std::memcpy(state.partial.data(), context.data, context.num);
  state.bytes += bytes.size();
}

Digest digest_of(const State& state) {
  Digest digest;
  SHA256_CTX context = to_libcrypto(state);
  SHA256_Final(as_uchar(digest.data()), &context);
  return digest;
}

}  // namespace

struct Sha256::State {
  MdContext context = new_md_context();
};

Sha256::Sha256() : state_(std::make_unique<State>()) { EVP_DigestInit_ex2(state_->context.get(), evp_sha256(), nullptr); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView bytes) { EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()); }

Digest Sha256::finish() {
  Digest digest;
  EVP_DigestFinal_ex(state_->context.get(), as_uchar(digest.data()), nullptr);
  EVP_DigestInit_ex2(state_->context.get(), nullptr, nullptr);
  return digest;
}

Digest sha256(ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

bool sha256_dual_available() {
  static const bool available = sha256_dual_supported();
  return available;
}

void ChunkedSha256::reset() { file_ = kInitialState; }

Digest ChunkedSha256::update(ByteView chunk) {
  if (file_.bytes == 0) {
    absorb(file_, chunk);
    return digest_of(file_);
  }
  State chunk_state = kInitialState;
  ByteView rest = chunk;
  if (use_dual_ && file_.bytes % kBlockBytes == 0) {
    const std::size_t blocks = chunk.size() / kBlockBytes;
    sha256_dual(chunk_state.words.data(), file_.words.data(), chunk.data(), blocks);
    chunk_state.bytes += blocks * kBlockBytes;
    file_.bytes += blocks * kBlockBytes;
    rest = chunk.subspan(blocks * kBlockBytes);
  }
  absorb(chunk_state, rest);
  absorb(file_, rest);
  return digest_of(chunk_state);
}

void ChunkedSha256::update_zeros(std::uint64_t count) {
  static constexpr std::array<std::byte, 16384> kZeros{};
  while (count > 0) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, kZeros.size()));
    absorb(file_, ByteView(kZeros).first(part));
    count -= part;
  }
}

Digest ChunkedSha256::finish() {
  const Digest digest = digest_of(file_);
  reset();
  return digest;
}

}  // namespace drkit::crypto
