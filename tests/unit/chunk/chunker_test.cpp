#include "chunk/chunker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "crypto/kdf.hpp"
#include "crypto/prf.hpp"
#include "testing/seeded_random.hpp"

using namespace drkit;
using namespace drkit::chunk;
using drkit::testing::SeededRandom;

namespace {

constexpr ContentParams kSmall{1 << 10, 4 << 10, 16 << 10};

Secret key_of(int value) { return Secret::copy_of(Bytes(32, static_cast<std::byte>(value))); }

using Sizes = std::vector<std::size_t>;

Sizes cut_whole(Chunker& chunker, ByteView data) {
  Sizes sizes;
  while (!data.empty()) {
    const std::size_t size = chunker.next_cut(data, true);
    REQUIRE(size > 0);
    REQUIRE(size <= std::min(data.size(), chunker.max_chunk_bytes()));
    sizes.push_back(size);
    data = data.subspan(size);
  }
  CHECK(chunker.next_cut({}, true) == 0);
  return sizes;
}

// Gives the input in random steps, as a reader would.
Sizes cut_in_steps(Chunker& chunker, ByteView data, SeededRandom& random, std::uint64_t largest_step) {
  Sizes sizes;
  std::size_t known = 0;
  std::size_t start = 0;
  while (start < data.size()) {
    const bool at_end = known == data.size() && random.below(2) == 0;
    const std::size_t size = chunker.next_cut(data.subspan(start, known - start), at_end);
    if (size > 0) {
      sizes.push_back(size);
      start += size;
    } else {
      REQUIRE(known - start < chunker.max_chunk_bytes());
      known = std::min<std::size_t>(data.size(), known + 1 + random.below(largest_step));
    }
  }
  return sizes;
}

std::set<std::string> chunks_of(ByteView data, const Sizes& sizes) {
  std::set<std::string> chunks;
  for (const std::size_t size : sizes) {
    chunks.emplace(as_text(data.first(size)));
    data = data.subspan(size);
  }
  return chunks;
}

std::size_t missing(const std::set<std::string>& before, const std::set<std::string>& after) {
  return static_cast<std::size_t>(
      std::count_if(after.begin(), after.end(), [&](const std::string& chunk) { return !before.contains(chunk); }));
}

}  // namespace

TEST_CASE("fixed chunks") {
  const auto chunker = make_fixed_chunker(100);
  CHECK(chunker->max_chunk_bytes() == 100);
  CHECK(chunker->next_cut(Bytes(99), false) == 0);
  CHECK(chunker->next_cut(Bytes(250), false) == 100);
  CHECK(cut_whole(*chunker, Bytes(250)) == Sizes{100, 100, 50});
  CHECK(cut_whole(*chunker, Bytes(200)) == Sizes{100, 100});
}

TEST_CASE("content cuts do not depend on how the input comes") {
  SeededRandom random(1);
  const Bytes data = random.bytes(300000);
  const auto chunker = make_content_chunker(key_of(1), kSmall);
  const Sizes expected = cut_whole(*chunker, data);
  CHECK(expected.size() > 40);
  for (const std::uint64_t step : {1ULL << 6, 700ULL, 5000ULL, 100000ULL}) {
    CHECK(cut_in_steps(*chunker, data, random, step) == expected);
  }
}

TEST_CASE("cuts are where the definition says: a plain computation agrees") {
  SeededRandom random(2);
  const Bytes data = random.bytes(60000);
  const Secret table = crypto::expand_key(crypto::derive_key(key_of(1), "drkit v1 chunker table"), 2048);
  const Secret prf_key = Secret::copy_of(crypto::derive_key(key_of(1), "drkit v1 chunker prf").view().first(16));
  crypto::BlockPrf prf(prf_key, false);
  Sizes expected;
  std::size_t start = 0;
  for (std::size_t end = 1; end <= data.size(); ++end) {
    const std::size_t length = end - start;
    bool cut = end == data.size() || length == kSmall.max_bytes;
    if (!cut && length >= kSmall.min_bytes) {
      std::uint64_t h = 0;
      for (std::size_t i = end - 64; i < end; ++i) {
        std::uint64_t word = 0;
        const ByteView bytes = table.view().subspan(std::to_integer<std::size_t>(data[i]) * 8, 8);
        for (std::size_t b = 0; b < 8; ++b) word |= std::to_integer<std::uint64_t>(bytes[b]) << (8 * b);
        h = ((h << 1) ^ (h >> 63 != 0 ? 0x1bULL : 0ULL)) ^ word;
      }
      const auto threshold = static_cast<std::uint32_t>((1ULL << 32) / (kSmall.average_bytes - kSmall.min_bytes));
      cut = prf.find_below({&h, 1}, threshold) == 0;
    }
    if (cut) {
      expected.push_back(length);
      start = end;
    }
  }
  CHECK(cut_whole(*make_content_chunker(key_of(1), kSmall), data) == expected);
}

TEST_CASE("an inserted, removed or changed byte changes only the chunks near it") {
  SeededRandom random(3);
  const Bytes data = random.bytes(1 << 20);
  const auto chunker = make_content_chunker(key_of(1), kSmall);
  const auto before = chunks_of(data, cut_whole(*chunker, data));
  for (int round = 0; round < 12; ++round) {
    Bytes edited = data;
    const auto place = edited.begin() + static_cast<std::ptrdiff_t>(random.below(data.size()));
    if (round % 3 == 0) edited.insert(place, std::byte{7});
    if (round % 3 == 1) edited.erase(place);
    if (round % 3 == 2) *place ^= std::byte{1};
    const auto after = chunks_of(edited, cut_whole(*chunker, edited));
    CHECK(missing(before, after) >= 1);
    CHECK(missing(before, after) <= 8);
  }
}

TEST_CASE("sizes are bounded and spread as expected") {
  SeededRandom random(4);
  const Bytes data = random.bytes(8 << 20);
  Sizes sizes = cut_whole(*make_content_chunker(key_of(2), kSmall), data);
  sizes.pop_back();
  REQUIRE(sizes.size() > 1000);
  CHECK(*std::min_element(sizes.begin(), sizes.end()) >= kSmall.min_bytes);
  CHECK(*std::max_element(sizes.begin(), sizes.end()) <= kSmall.max_bytes);
  // An exponential of mean 3 KiB above the minimum, cut at 16 KiB.
  const double mean = static_cast<double>(data.size()) / static_cast<double>(sizes.size());
  CHECK(mean > 0.92 * 4096);
  CHECK(mean < 1.08 * 4096);
  const auto below = [&](std::size_t bytes) {
    return static_cast<double>(std::count_if(sizes.begin(), sizes.end(), [=](auto s) { return s < bytes; })) /
           static_cast<double>(sizes.size());
  };
  CHECK(below(1024 + 2129) == doctest::Approx(0.5).epsilon(0.1));  // the median of that distribution
  CHECK(below(1024 + 884) == doctest::Approx(0.25).epsilon(0.15));
  CHECK(below(16 << 10) > 0.985);
}

TEST_CASE("another key gives unrelated cuts") {
  SeededRandom random(5);
  const Bytes data = random.bytes(1 << 20);
  const auto a = chunks_of(data, cut_whole(*make_content_chunker(key_of(1), kSmall), data));
  const auto b = chunks_of(data, cut_whole(*make_content_chunker(key_of(2), kSmall), data));
  CHECK(missing(a, b) == b.size());
}

TEST_CASE("monotonous data gives chunks of the largest size, or of the smallest") {
  const auto chunker = make_content_chunker(key_of(1), kSmall);
  const Sizes sizes = cut_whole(*chunker, Bytes(100000));
  CHECK(std::set<std::size_t>(sizes.begin(), sizes.end() - 1).size() == 1);
}

TEST_CASE("short inputs are one chunk, and reset forgets an unfinished one") {
  SeededRandom random(6);
  const Bytes data = random.bytes(200000);
  const auto chunker = make_content_chunker(key_of(1), kSmall);
  for (const std::size_t size : {1UL, 63UL, 64UL, 65UL, 1023UL}) {
    CHECK(cut_whole(*chunker, ByteView(data).first(size)) == Sizes{size});
  }
  const Sizes expected = cut_whole(*chunker, data);
  CHECK(chunker->next_cut(ByteView(data).first(expected[0] - 1), false) == 0);
  chunker->reset();
  CHECK(cut_whole(*chunker, data) == expected);
}

TEST_CASE("parameters out of order are told") {
  CHECK(content_params_acceptable(ContentParams{}));
  CHECK(content_params_acceptable(kSmall));
  CHECK_FALSE(content_params_acceptable({64, 4096, 8192}));
  CHECK_FALSE(content_params_acceptable({1024, 1024, 8192}));
  CHECK_FALSE(content_params_acceptable({1024, 8192, 4096}));
  CHECK_FALSE(content_params_acceptable({1024, 8192, std::size_t{1} << 30}));
}

TEST_CASE("pinned: cuts of format 1") {
  SeededRandom random(7);
  const Bytes data = random.bytes(12 << 20);
  const Sizes sizes = cut_whole(*make_content_chunker(key_of(1)), data);
  std::string text;
  for (const std::size_t size : sizes) text += std::to_string(size) + " ";
  CHECK(text == "473555 1260578 944509 1068929 319022 422458 4194304 869819 1221091 413135 600129 795383 ");
}
