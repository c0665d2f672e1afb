// The wall between C and C++: no exception crosses, every Result becomes a status and an owned error.
#pragma once

#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <drkit.h>

#include <drkit/result.hpp>

struct drk_error {
  explicit drk_error(drkit::Error value) : error(std::move(value)), text(error.to_string()) {
    if (error.cause() != nullptr) cause = std::make_unique<drk_error>(*error.cause());
  }
  /// The one error that needs no memory.
  explicit drk_error(std::bad_alloc) : error(drkit::ErrorCode::out_of_memory, "out of memory"), is_static(true) {}

  drkit::Error error;
  std::string text;
  std::unique_ptr<drk_error> cause;
  bool is_static = false;
};

struct drk_buffer {
  std::string bytes;
};

namespace drkit::capi {

/// Hands the error to the caller and answers its code.
drk_status fail(drk_error** err, Error error) noexcept;
drk_status fail_out_of_memory(drk_error** err) noexcept;

/// Runs `body`, which answers Result<void>; every way out becomes a status.
template <class Body>
drk_status guard(drk_error** err, Body&& body) noexcept {
  if (err != nullptr) *err = nullptr;
  try {
    Result<void> result = std::forward<Body>(body)();
    return result.ok() ? drk_status{DRK_OK} : fail(err, std::move(result).error());
  } catch (const std::bad_alloc&) {
    return fail_out_of_memory(err);
  } catch (const std::exception& exception) {
    return fail(err, Error(ErrorCode::internal, "unexpected exception").with("what", exception.what()));
  } catch (...) {
    return fail(err, Error(ErrorCode::internal, "unexpected exception"));
  }
}

inline Error invalid(std::string message) { return Error(ErrorCode::invalid_argument, std::move(message)); }

/// Sets the out parameter to null first; a missing one is the caller's mistake.
template <class T>
Result<void> clear_out(T** out) {
  if (out == nullptr) return invalid("the out parameter is null");
  *out = nullptr;
  return {};
}

template <class T>
Result<void> require(const T* handle, std::string_view name) {
  if (handle == nullptr) return invalid(std::string(name) + " is null");
  return {};
}

/// Text that may be null, with what null stands for.
inline std::string text_or(const char* text, std::string_view otherwise = {}) {
  return text == nullptr ? std::string(otherwise) : std::string(text);
}

/// The codes that the table knows; everything else a plug-in answers is callback_failed.
bool is_known_code(drk_status status) noexcept;

/// What a plug-in's callback answered: takes its error object, if any. `what` names the callback.
Result<void> plugin_result(drk_status status, drk_error* error, std::string_view what);

/// Calls a callback of a plug-in and turns its answer, or an exception that it let out, into a Result.
template <class Call>
Result<void> call_plugin(std::string_view what, Call&& call) {
  drk_error* error = nullptr;
  drk_status status = DRK_CALLBACK_FAILED;
  try {
    status = std::forward<Call>(call)(&error);
  } catch (const std::exception& exception) {
    drk_error_free(error);
    return Error(ErrorCode::callback_failed, "exception out of a callback")
        .with("callback", std::string(what))
        .with("what", exception.what());
  } catch (...) {
    drk_error_free(error);
    return Error(ErrorCode::callback_failed, "exception out of a callback").with("callback", std::string(what));
  }
  return plugin_result(status, error, what);
}

/// A buffer handle with these bytes.
Result<void> give_buffer(drk_buffer** out, std::string bytes);

}  // namespace drkit::capi
