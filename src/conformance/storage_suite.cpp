#include <algorithm>

#include <drkit/spi/conformance.hpp>

#include "conformance/storage_cases.hpp"

namespace drkit {
namespace conformance {

Bytes pattern(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  std::uint64_t state = seed * 2 + 1;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

Failure expect_object(const Context& ctx, Storage& storage, std::string_view key, ByteView bytes) {
  const auto got = storage.get(ctx, key, {});
  DRKIT_EXPECT(expect_ok(got, "get"));
  if (got->size() != bytes.size()) {
    return "get gave " + std::to_string(got->size()) + " bytes, expected " + std::to_string(bytes.size());
  }
  return expect(std::equal(got->begin(), got->end(), bytes.begin()), "get gave other bytes than were put");
}

namespace {

using MakeStorage = std::function<Result<StoragePtr>()>;

// Nothing when the case does not apply to this storage.
std::optional<CaseResult> run_case(const Context& ctx, const StorageCase& one, const MakeStorage& make_fresh) {
  auto storage = make_fresh();
  if (!storage) return CaseResult{std::string(one.name), "no fresh storage: " + storage.error().to_string()};
  if (!*storage) return CaseResult{std::string(one.name), "no fresh storage: null"};
  if (one.needs_conditional_create && !(*storage)->info().conditional_create) return std::nullopt;
  return CaseResult{std::string(one.name), one.run(ctx, **storage)};
}

}  // namespace
}  // namespace conformance

std::vector<CaseResult> run_storage_suite(const Context& ctx, const std::function<Result<StoragePtr>()>& make_fresh) {
  std::vector<CaseResult> results;
  for (const auto cases :
       {conformance::object_cases(), conformance::listing_cases(), conformance::concurrency_cases()}) {
    for (const auto& one : cases) {
      if (auto result = conformance::run_case(ctx, one, make_fresh)) results.push_back(std::move(*result));
    }
  }
  return results;
}

}  // namespace drkit
