// What the cases of the suites are written with.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <drkit/spi/conformance.hpp>

namespace drkit::conformance {

/// Nothing, or what went wrong.
using Failure = std::optional<std::string>;

struct StorageCase {
  std::string_view name;
  Failure (*run)(const Context& ctx, Storage& storage);
  bool needs_conditional_create = false;
};

template <class T>
Failure expect_ok(const Result<T>& result, std::string_view what) {
  if (result.ok()) return std::nullopt;
  return std::string(what) + " failed: " + result.error().to_string();
}

/// The call must fail with that code, and name the key.
template <class T>
Failure expect_error(const Result<T>& result, ErrorCode code, std::string_view key, std::string_view what) {
  if (result.ok()) return std::string(what) + " succeeded, expected " + std::string(error_code_name(code));
  const Error& error = result.error();
  if (error.code() != code) {
    return std::string(what) + " answered " + error.to_string() + ", expected " + std::string(error_code_name(code));
  }
  for (const auto& [name, value] : error.context()) {
    if (name == "key" && value == key) return std::nullopt;
  }
  return std::string(what) + " does not name the key in its error: " + error.to_string();
}

inline Failure expect(bool holds, std::string_view what) { return holds ? std::nullopt : Failure(std::string(what)); }

}  // namespace drkit::conformance

/// Ends the case with the failure, if there is one.
#define DRKIT_EXPECT(expression)                                   \
  do {                                                             \
    if (auto drkit_failure_ = (expression)) return drkit_failure_; \
  } while (false)
