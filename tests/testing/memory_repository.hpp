// What tests of the whole line share: a repository in memory, a sink in memory, a result's words.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

#include <drkit/repository.hpp>
#include <drkit/spi/target.hpp>
#include <drkit/storage.hpp>

namespace drkit::testing {

/// The error's words; "" for success.
template <class T>
std::string words(const Result<T>& result) {
  return result.ok() ? "" : result.error().to_string();
}

/// A new repository in memory; the password is "pw" and costs next to nothing.
inline Repository new_repository(const Context& ctx) {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text("pw"));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  auto created = Repository::create(ctx, make_memory_storage(), std::move(options));
  REQUIRE_MESSAGE(created.ok(), words(created));
  return std::move(*created);
}

/// Keeps what is written, in any order of offsets.
class BytesSink final : public Sink {
 public:
  Result<void> write_at(const Context&, std::uint64_t offset, ByteView bytes) override {
    if (out.size() < offset + bytes.size()) out.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<void> close(const Context&) override { return {}; }
  Bytes out;
};

}  // namespace drkit::testing
