#include <algorithm>
#include <iterator>

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

CaseResult run_case(const Context& ctx, const StorageCase& one, const std::function<Result<StoragePtr>()>& make_fresh) {
  auto storage = make_fresh();
  if (!storage) return {std::string(one.name), "no fresh storage: " + storage.error().to_string()};
  if (!*storage) return {std::string(one.name), "no fresh storage: null"};
  return {std::string(one.name), one.run(ctx, **storage)};
}

}  // namespace
}  // namespace conformance

std::vector<CaseResult> run_storage_suite(const Context& ctx, const std::function<Result<StoragePtr>()>& make_fresh) {
  std::vector<CaseResult> results;
  for (const auto cases :
       {conformance::object_cases(), conformance::listing_cases(), conformance::concurrency_cases()}) {
    std::transform(cases.begin(), cases.end(), std::back_inserter(results),
                   [&](const auto& one) { return conformance::run_case(ctx, one, make_fresh); });
  }
  return results;
}

}  // namespace drkit
