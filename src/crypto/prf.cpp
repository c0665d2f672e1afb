#include "crypto/prf.hpp"

#include <algorithm>
#include <array>

#include "crypto/evp.hpp"
#include "crypto/prf_wide.hpp"
#include "crypto/random.hpp"
#include "crypto/sodium.hpp"

namespace drkit::crypto {
namespace {

constexpr std::size_t kBatch = 512;  // inputs; both blocks' buffers stay in the first-level cache
using Block = std::array<unsigned char, 16>;

void store_input(std::uint64_t value, Block& block) {
  for (std::size_t i = 0; i < 8; ++i) block[i] = static_cast<unsigned char>(value >> (8 * i));
}

std::uint32_t load_output(const Block& block) {
  return std::uint32_t{block[0]} | std::uint32_t{block[1]} << 8 | std::uint32_t{block[2]} << 16 |
         std::uint32_t{block[3]} << 24;
}

}  // namespace

// The key schedules lie on the heap, the wide one in a Secret; libcrypto wipes its own when the context is freed.
struct BlockPrf::State {
  CipherContext context = new_cipher_context();
  Secret round_keys;  ///< empty: without the wide path
  std::array<Block, kBatch> in{};
  std::array<Block, kBatch> out{};

  // Inputs are secret too: whoever knows hashes of known data knows the hash's key.
  ~State() {
    wipe(std::as_writable_bytes(std::span(in)));
    wipe(std::as_writable_bytes(std::span(out)));
  }

  std::size_t find(std::span<const std::uint64_t> inputs, std::uint32_t threshold) {
    for (std::size_t i = 0; i < inputs.size(); ++i) store_input(inputs[i], in[i]);
    int written = 0;
    const int bytes = static_cast<int>(inputs.size() * sizeof(Block));
    EVP_EncryptUpdate(context.get(), out[0].data(), &written, in[0].data(), bytes);
    const auto end = out.begin() + static_cast<std::ptrdiff_t>(inputs.size());
    const auto hit = std::find_if(out.begin(), end, [=](const Block& b) { return load_output(b) < threshold; });
    return static_cast<std::size_t>(hit - out.begin());
  }
};

bool prf_wide_available() {
  static const bool available = prf_wide_supported();
  return available;
}

BlockPrf::BlockPrf(const Secret& key, bool use_wide) : state_(std::make_unique<State>()) {
  Secret used = key.size() == kKeyBytes ? key.clone() : Secret::zeros(kKeyBytes);
  if (key.size() != kKeyBytes) system_random().fill(used.writable());
  EVP_EncryptInit_ex2(state_->context.get(), evp_aes128_ecb(), as_uchar(used.view().data()), nullptr, nullptr);
  EVP_CIPHER_CTX_set_padding(state_->context.get(), 0);
  if (use_wide) {
    state_->round_keys = Secret::zeros(kRoundKeyBytes);
    prf_wide_expand(used.view().data(), state_->round_keys.writable().data());
  }
}
BlockPrf::~BlockPrf() = default;
BlockPrf::BlockPrf(BlockPrf&&) noexcept = default;
BlockPrf& BlockPrf::operator=(BlockPrf&&) noexcept = default;

std::size_t BlockPrf::find_below(std::span<const std::uint64_t> inputs, std::uint32_t threshold) {
  std::size_t at = 0;
  if (!state_->round_keys.empty()) at = prf_wide_find(state_->round_keys.view().data(), inputs, threshold);
  while (at < inputs.size()) {
    const auto part = inputs.subspan(at, std::min(kBatch, inputs.size() - at));
    const std::size_t hit = state_->find(part, threshold);
    if (hit < part.size()) return at + hit;
    at += part.size();
  }
  return inputs.size();
}

}  // namespace drkit::crypto
