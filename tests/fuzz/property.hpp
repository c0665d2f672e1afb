// What a fuzz target holds its decoder to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include <drkit/result.hpp>

namespace drkit::fuzz {

/// A property that does not hold is a crash, which the fuzzer keeps with its input.
inline void require(bool condition) {
  if (!condition) std::abort();
}

inline ByteView view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

inline bool same(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

}  // namespace drkit::fuzz

// clang wants the declaration.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
