// The state of ChunkedSha256 must be read and set word by word, so that the two-hash path and libcrypto can take turns
// on it. Only libcrypto's low-level SHA256_* calls allow that. Version 3 calls them deprecated and keeps them; they run
// the same assembly as EVP_sha256 (2.0 GB/s measured for either), need no memory and cannot fail, so all of SHA-256
// goes through them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha256.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "crypto/evp.hpp"
#include "crypto/sha256_dual.hpp"

namespace drkit::crypto {
namespace {

constexpr std::size_t kBlockBytes = 64;

SHA256_CTX to_libcrypto(const Sha256State& state) {
  SHA256_CTX context{};
  context.md_len = SHA256_DIGEST_LENGTH;
  std::copy(state.words.begin(), state.words.end(), context.h);
  context.Nl = static_cast<SHA_LONG>(state.bytes << 3);
  context.Nh = static_cast<SHA_LONG>(state.bytes >> 29);
  context.num = static_cast<unsigned>(state.bytes % kBlockBytes);
  std::memcpy(context.data, state.partial.data(), context.num);
  return context;
}

void absorb(Sha256State& state, ByteView bytes) {
  if (bytes.empty()) return;
  SHA256_CTX context = to_libcrypto(state);
  SHA256_Update(&context, bytes.data(), bytes.size());
  std::copy(std::begin(context.h), std::end(context.h), state.words.begin());
  std::memcpy(state.partial.data(), context.data, context.num);
  state.bytes += bytes.size();
}

Digest digest_of(const Sha256State& state) {
  Digest digest;
  SHA256_CTX context = to_libcrypto(state);
  SHA256_Final(as_uchar(digest.data()), &context);
  return digest;
}

}  // namespace

void Sha256::update(ByteView bytes) { absorb(state_, bytes); }

Digest Sha256::finish() {
  const Digest digest = digest_of(state_);
  state_ = {};
  return digest;
}

Digest sha256(ByteView bytes) {
  Sha256State state;
  absorb(state, bytes);
  return digest_of(state);
}

bool sha256_dual_available() {
  static const bool available = sha256_dual_supported();
  return available;
}

std::array<Digest, 2> sha256_pair(ByteView first, ByteView second) {
  if (!sha256_dual_available() || first.size() != second.size()) return {sha256(first), sha256(second)};
  if (second.data() < first.data()) {
    const auto turned = sha256_pair(second, first);
    return {turned[1], turned[0]};
  }
  std::array<Sha256State, 2> states;
  const std::size_t blocks = first.size() / kBlockBytes;
  // The same pass as over one buffer, seen from two places of it.
  const auto lead = static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(second.data()) -
                                             reinterpret_cast<std::uintptr_t>(first.data()));
  if (lead != 0) {
    sha256_dual(states[0].words.data(), states[1].words.data(), first.data(), lead, blocks);
    states[0].bytes = states[1].bytes = blocks * kBlockBytes;
  }
  absorb(states[0], first.subspan(states[0].bytes));
  absorb(states[1], second.subspan(states[1].bytes));
  return {digest_of(states[0]), digest_of(states[1])};
}

void ChunkedSha256::reset() { file_ = {}; }

Digest ChunkedSha256::update(ByteView chunk) {
  if (file_.bytes == 0) {
    absorb(file_, chunk);
    return digest_of(file_);
  }
  Sha256State chunk_state;
  // The file's own blocks begin this much later in the chunk, once its unfinished block is filled.
  const std::size_t lead = (kBlockBytes - file_.bytes % kBlockBytes) % kBlockBytes;
  std::size_t both = 0;
  if (use_dual_ && chunk.size() >= lead + kBlockBytes) {
    absorb(file_, chunk.first(lead));
    const std::size_t blocks = (chunk.size() - lead) / kBlockBytes;
    both = blocks * kBlockBytes;
    sha256_dual(chunk_state.words.data(), file_.words.data(), chunk.data(), lead, blocks);
    chunk_state.bytes += both;
    file_.bytes += both;
  }
  absorb(chunk_state, chunk.subspan(both));
  absorb(file_, chunk.subspan(both == 0 ? 0 : lead + both));
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
