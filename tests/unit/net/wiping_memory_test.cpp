#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <malloc.h>

#include "net/wiping_memory.hpp"

using namespace drkit::net;

namespace {

constexpr std::string_view kSecret = "correct horse battery staple, repeated until it fills some of the memory";

char* secret_copy(std::size_t size) {
  char* const memory = static_cast<char*>(wiping_malloc(size));
  std::memcpy(memory, kSecret.data(), std::min(size, kSecret.size()));
  return memory;
}

}  // namespace

TEST_CASE("bytes survive growing and shrinking") {
  char* memory = secret_copy(100);
  memory = static_cast<char*>(wiping_realloc(memory, 100'000));
  CHECK(std::string_view(memory, kSecret.size()) == kSecret);
  memory = static_cast<char*>(wiping_realloc(memory, 7));
  CHECK(std::string_view(memory, 7) == kSecret.substr(0, 7));
  wiping_free(memory);
  wiping_free(nullptr);
  char* const fresh = static_cast<char*>(wiping_realloc(nullptr, 10));
  REQUIRE(fresh != nullptr);
  wiping_free(fresh);
  char* const copy = wiping_strdup("text");
  CHECK(std::string_view(copy) == "text");
  wiping_free(copy);
  char* const zeros = static_cast<char*>(wiping_calloc(3, 50));
  CHECK(std::all_of(zeros, zeros + 150, [](char c) { return c == '\0'; }));
  wiping_free(zeros);
}

TEST_CASE("what is given back is overwritten") {
  // A block between two others stays where it is when it is freed, and the next one of its size is that block again.
  constexpr std::size_t kSize = 900;
  char* const freed = secret_copy(kSize);
  const void* const where = freed;
  wiping_free(freed);
  char* const again = static_cast<char*>(wiping_malloc(kSize));
  // An allocator that gives other memory (a sanitizer's) has nothing of ours to show.
  if (again == where) {
    // The allocator keeps its own notes in the first bytes.
    CHECK(std::string_view(again + 16, kSecret.size() - 16) != kSecret.substr(16));
  }
  REQUIRE(again != nullptr);
  wiping_free(again);
}
