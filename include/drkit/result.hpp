// Error and Result: how every fallible call of the library answers. The library never throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <drkit/export.hpp>

namespace drkit {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

/// Views text as bytes; the text must outlive the view.
inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
/// Views bytes as text; the bytes must outlive the view.
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

enum class ErrorCode : std::int32_t {
#define DRKIT_ERROR_CODE(name, value, description) name = (value),
#include <drkit/error_codes.def>
#undef DRKIT_ERROR_CODE
};

/// The code's name in the table, for example "not_found".
DRKIT_API std::string_view error_code_name(ErrorCode code);

/// Whether the same call may succeed when repeated: set by the driver, acted on by the retry decorator alone.
enum class Retry : std::uint8_t { no, yes };

/// One failure: a pinned code, one lower-case line without secrets, key/value context and an optional cause.
class [[nodiscard]] DRKIT_API Error {
 public:
  Error(ErrorCode code, std::string message, Retry retry = Retry::no)
      : code_(code), retry_(retry), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  bool retryable() const { return retry_ == Retry::yes; }
  const std::string& message() const { return message_; }
  const std::vector<std::pair<std::string, std::string>>& context() const { return context_; }
  const Error* cause() const { return cause_.get(); }

  /// Adds context while an error passes through; never changes its code.
  Error&& with(std::string key, std::string value) && {
    context_.emplace_back(std::move(key), std::move(value));
    return std::move(*this);
  }
  Error&& caused_by(Error cause) && {
    cause_ = std::make_shared<const Error>(std::move(cause));
    return std::move(*this);
  }

  /// The whole error on one line: code, message, context, causes.
  std::string to_string() const;

 private:
  ErrorCode code_;
  Retry retry_;
  std::string message_;
  std::vector<std::pair<std::string, std::string>> context_;
  std::shared_ptr<const Error> cause_;
};

/// A value or an Error.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// REQUIRES: ok().
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  /// REQUIRES: !ok().
  Error& error() & { return *std::get_if<1>(&state_); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  Error& error() & { return *error_; }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace drkit

/// Returns the error of a failed Result<...> expression from the enclosing function.
#define DRKIT_TRY(expression)                                                                            \
  do {                                                                                                   \
    if (auto drkit_result_ = (expression); !drkit_result_.ok()) return std::move(drkit_result_).error(); \
  } while (false)

#define DRKIT_CONCAT_INNER(a, b) a##b
#define DRKIT_CONCAT(a, b) DRKIT_CONCAT_INNER(a, b)

/// DRKIT_ASSIGN(auto x, call()): x is the value, or the error is returned.
#define DRKIT_ASSIGN(target, expression) DRKIT_ASSIGN_INNER(DRKIT_CONCAT(drkit_result_, __LINE__), target, expression)
#define DRKIT_ASSIGN_INNER(name, target, expression) \
  auto name = (expression);                          \
  if (!name.ok()) return std::move(name).error();    \
  target = std::move(name).value()
