// Content-defined cuts that leak no key.
//
// The attacks on keyed chunkers (eprint 2025/532, 2025/558) work where a cut tests the rolling hash itself: known data
// and the sizes of its chunks give equations in the key. Here a cut tests a pseudo-random function (AES-128) of the
// hash, so that the sizes say no more than whether windows were equal. The hash below it only has to make different
// windows differ: it is the GENERAL scheme of Lemire and Kaser ("Recursive n-gram hashing is pairwise independent, at
// best", 2010): a polynomial over GF(2) whose coefficients come from a random table, modulo an irreducible polynomial
// of degree 64. Two different windows collide with probability 2^-64 over the choice of the table.
#include <algorithm>
#include <array>

#include "chunk/chunker.hpp"
#include "crypto/kdf.hpp"
#include "crypto/prf.hpp"
#include "crypto/sodium.hpp"

namespace drkit::chunk {
namespace {

constexpr std::size_t kWindow = 64;       // bytes that decide about a cut
constexpr std::size_t kBatch = 8192;      // positions handed to the PRF together
constexpr std::size_t kLanes = 4;         // hashes rolled side by side, since each is one long chain of dependent steps
constexpr std::uint64_t kModulus = 0x1b;  // x^64 + x^4 + x^3 + x + 1, irreducible

constexpr std::uint64_t times_x(std::uint64_t h) { return (h << 1) ^ ((0 - (h >> 63)) & kModulus); }

struct Tables {
  std::array<std::uint64_t, 256> in;   ///< random
  std::array<std::uint64_t, 256> out;  ///< in * x^64: what a byte has become when it leaves the window
};

std::uint64_t load_le64(const std::byte* bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value |= std::uint64_t{std::to_integer<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

Secret make_tables(const Secret& chunker_key) {
  const Secret random = crypto::expand_key(crypto::derive_key(chunker_key, "drkit v1 chunker table"), 256 * 8);
  Secret memory = Secret::zeros(sizeof(Tables));
  auto* tables = reinterpret_cast<Tables*>(memory.writable().data());
  for (std::size_t i = 0; i < 256; ++i) {
    std::uint64_t value = load_le64(random.view().data() + 8 * i);
    tables->in[i] = value;
    for (std::size_t step = 0; step < kWindow; ++step) value = times_x(value);
    tables->out[i] = value;
  }
  return memory;
}

Secret make_prf_key(const Secret& chunker_key) {
  const Secret derived = crypto::derive_key(chunker_key, "drkit v1 chunker prf");
  return Secret::copy_of(derived.view().first(crypto::BlockPrf::kKeyBytes));
}

class ContentChunker final : public Chunker {
 public:
  ContentChunker(const Secret& key, const ContentParams& params)
      : params_(params),
        threshold_(static_cast<std::uint32_t>((std::uint64_t{1} << 32) / (params.average_bytes - params.min_bytes))),
        tables_memory_(make_tables(key)),
        tables_(reinterpret_cast<const Tables*>(tables_memory_.view().data())),
        prf_(make_prf_key(key)),
        hashes_(kBatch) {}
  // Hashes of known data would give the tables away.
  ~ContentChunker() override { crypto::wipe(std::as_writable_bytes(std::span(hashes_))); }

  std::size_t next_cut(ByteView window, bool at_end) override {
    const std::size_t end = std::min(window.size(), params_.max_bytes);
    while (scanned_ < end) {
      const std::size_t count = std::min(end - scanned_, kBatch);
      hash_positions(window, scanned_, count);
      const std::size_t hit = prf_.find_below(std::span(hashes_).first(count), threshold_);
      if (hit < count) return cut_at(scanned_ + hit + 1);
      scanned_ += count;
    }
    return end == params_.max_bytes || at_end ? cut_at(end) : 0;
  }
  std::size_t max_chunk_bytes() const override { return params_.max_bytes; }
  void reset() override { scanned_ = first_position(); }

 private:
  // A position is the last byte of its window; a cut there ends the chunk after it.
  std::size_t first_position() const { return params_.min_bytes - 1; }
  std::size_t cut_at(std::size_t length) {
    reset();
    return length;
  }

  std::uint64_t roll(std::uint64_t h, std::byte in, std::byte out) const {
    return times_x(h) ^ tables_->in[std::to_integer<std::size_t>(in)] ^ tables_->out[std::to_integer<std::size_t>(out)];
  }
  std::uint64_t hash_before(const std::byte* position) const {
    std::uint64_t h = 0;
    for (const std::byte* at = position - kWindow; at < position; ++at) {
      h = times_x(h) ^ tables_->in[std::to_integer<std::size_t>(*at)];
    }
    return h;
  }

  void hash_positions(ByteView window, std::size_t from, std::size_t count);
  void hash_lane(const std::byte* from, std::size_t count, std::uint64_t* out) const;

  ContentParams params_;
  std::uint32_t threshold_;
  Secret tables_memory_;
  const Tables* tables_;
  crypto::BlockPrf prf_;
  std::vector<std::uint64_t> hashes_;
  std::size_t scanned_ = first_position();
};

void ContentChunker::hash_lane(const std::byte* from, std::size_t count, std::uint64_t* out) const {
  std::uint64_t h = hash_before(from);
  for (std::size_t i = 0; i < count; ++i) out[i] = h = roll(h, from[i], *(from + i - kWindow));
}

void ContentChunker::hash_positions(ByteView window, std::size_t from, std::size_t count) {
  const std::byte* start = window.data() + from;
  const std::size_t length = count / kLanes;
  std::array<std::uint64_t, kLanes> h;
  for (std::size_t lane = 0; lane < kLanes; ++lane) h[lane] = hash_before(start + lane * length);
  for (std::size_t i = 0; i < length; ++i) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::size_t at = lane * length + i;
      hashes_[at] = h[lane] = roll(h[lane], start[at], *(start + at - kWindow));
    }
  }
  const std::size_t done = length * kLanes;
  hash_lane(start + done, count - done, hashes_.data() + done);
}

}  // namespace

bool content_params_acceptable(const ContentParams& params) {
  return params.min_bytes > kWindow && params.min_bytes < params.average_bytes &&
         params.average_bytes - params.min_bytes >= kWindow && params.average_bytes <= params.max_bytes &&
         params.max_bytes <= std::size_t{64} << 20;
}

std::unique_ptr<Chunker> make_content_chunker(const Secret& chunker_key, const ContentParams& params) {
  return std::make_unique<ContentChunker>(chunker_key, content_params_acceptable(params) ? params : ContentParams{});
}

}  // namespace drkit::chunk
