// The cases of the storage suite, by subject.
#pragma once

#include <functional>
#include <span>

#include "conformance/case.hpp"

namespace drkit::conformance {

std::span<const StorageCase> object_cases();
std::span<const StorageCase> listing_cases();
std::span<const StorageCase> concurrency_cases();

inline constexpr unsigned kThreads = 8;
/// Runs the work in every thread at the same moment and answers the first failure.
Failure in_threads(const std::function<Failure(unsigned number)>& work);
/// Bytes that look random and are the same for the same seed.
Bytes pattern(std::size_t size, std::uint64_t seed);
/// The whole object equals the bytes.
Failure expect_object(const Context& ctx, Storage& storage, std::string_view key, ByteView bytes);

}  // namespace drkit::conformance
