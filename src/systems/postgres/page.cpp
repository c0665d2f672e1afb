#include "systems/postgres/page.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <string>

namespace drkit::systems::postgres {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kColumns = 32;
constexpr std::size_t kRowBytes = kColumns * sizeof(std::uint32_t);
constexpr std::uint32_t kPrime = 16777619;
constexpr std::size_t kUpperOffset = 14;

using Row = std::array<std::uint32_t, kColumns>;

// Start values of the columns: part of the on-disk format.
constexpr Row kStart{0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
                     0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
                     0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
                     0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};

[[gnu::always_inline]] inline void mix(Row& sums, const Row& words) {
  for (std::size_t i = 0; i < kColumns; ++i) {
    const std::uint32_t mixed = sums[i] ^ words[i];
    sums[i] = mixed * kPrime ^ mixed >> 17;
  }
}

[[gnu::always_inline]] inline std::uint32_t hash_page(const std::byte* page) {
  Row sums = kStart;
  Row words;
  std::memcpy(words.data(), page, kRowBytes);
  words[2] &= 0xFFFF0000;  // the checksum's own place counts as zero
  mix(sums, words);
  for (std::size_t offset = kRowBytes; offset < kPageBytes; offset += kRowBytes) {
    std::memcpy(words.data(), page + offset, kRowBytes);
    mix(sums, words);
  }
  mix(sums, Row{});
  mix(sums, Row{});
  std::uint32_t folded = 0;
  for (const std::uint32_t sum : sums) folded ^= sum;
  return folded;
}

std::uint32_t hash_page_portable(const std::byte* page) { return hash_page(page); }

#if defined(__x86_64__)
// The same code, compiled for registers that hold eight columns.
[[gnu::target("avx2")]] std::uint32_t hash_page_avx2(const std::byte* page) { return hash_page(page); }

std::uint32_t hash_page_best(const std::byte* page) {
  static const bool wide = __builtin_cpu_supports("avx2") != 0;
  return wide ? hash_page_avx2(page) : hash_page_portable(page);
}
#else
std::uint32_t hash_page_best(const std::byte* page) { return hash_page_portable(page); }
#endif

template <class Number>
Number load(const std::byte* bytes) {
  Number value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

bool is_all_zero(const std::byte* page) {
  return page[0] == std::byte{0} && std::memcmp(page, page + 1, kPageBytes - 1) == 0;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool starts_with_number_part(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos || !is_number(rest.substr(0, slash))) return false;
  rest.remove_prefix(slash + 1);
  return true;
}

// Cuts "global/", "base/OID/" or "pg_tblspc/OID/PG_VERSION/OID/" off the front.
bool strip_relation_folder(std::string_view& path) {
  const auto skip = [&path](std::string_view front) {
    if (!path.starts_with(front)) return false;
    path.remove_prefix(front.size());
    return true;
  };
  if (skip("global/")) return true;
  if (skip("base/")) return starts_with_number_part(path);
  if (!skip("pg_tblspc/") || !starts_with_number_part(path) || !path.starts_with("PG_")) return false;
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return false;
  path.remove_prefix(slash + 1);
  return starts_with_number_part(path);
}

}  // namespace

std::uint16_t page_checksum(const std::byte* page, std::uint32_t block) {
  // Never 0, which means "no checksum".
  return static_cast<std::uint16_t>((hash_page_best(page) ^ block) % 65535 + 1);
}

// A page header starts with the LSN, high half first.
std::uint64_t page_lsn(const std::byte* page) {
  return std::uint64_t{load<std::uint32_t>(page)} << 32 | load<std::uint32_t>(page + 4);
}

bool page_is_good(const std::byte* page, std::uint32_t block) {
  if (load<std::uint16_t>(page + kUpperOffset) == 0) return is_all_zero(page);
  return page_checksum(page, block) == load<std::uint16_t>(page + 8);
}

void PageVerifier::update(ByteView bytes) {
  if (!pending_.empty()) {
    const std::size_t count = std::min(bytes.size(), kPageBytes - pending_.size());
    pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    if (pending_.size() < kPageBytes) return;
    page(pending_.data());
    pending_.clear();
  }
  for (; bytes.size() >= kPageBytes; bytes = bytes.subspan(kPageBytes)) page(bytes.data());
  pending_.assign(bytes.begin(), bytes.end());
}

void PageVerifier::page(const std::byte* bytes) {
  const std::uint32_t block = block_++;
  BadPage bad{block, load<std::uint16_t>(bytes + 8), 0};
  if (load<std::uint16_t>(bytes + kUpperOffset) == 0) {
    // A page that was never initialised is empty throughout.
    if (is_all_zero(bytes)) return;
  } else {
    bad.computed = page_checksum(bytes, block);
    if (bad.computed == bad.stored) return;
  }
  if (start_lsn_ != 0 && page_lsn(bytes) >= start_lsn_) {
    ++torn_pages_;
    return;
  }
  ++bad_pages_;
  if (bad_.size() < kMaxBad) bad_.push_back(bad);
}

std::optional<std::uint32_t> relation_segment(std::string_view path) {
  if (!strip_relation_folder(path)) return std::nullopt;
  std::uint32_t segment = 0;
  if (const std::size_t dot = path.find('.'); dot != std::string_view::npos) {
    const std::string_view digits = path.substr(dot + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), segment);
    if (!is_number(digits) || error != std::errc() || segment > UINT32_MAX / kPagesPerSegment) return std::nullopt;
    path = path.substr(0, dot);
  }
  if (const std::size_t fork = path.find('_'); fork != std::string_view::npos) {
    const std::string_view name = path.substr(fork + 1);
    if (name != "fsm" && name != "vm" && name != "init") return std::nullopt;
    path = path.substr(0, fork);
  }
  if (!is_number(path)) return std::nullopt;
  return segment;
}

}  // namespace drkit::systems::postgres
