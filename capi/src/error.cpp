// drk_error, drk_buffer, version.
#include <memory>

#include <drkit/version.hpp>

#include "guard.hpp"

// The table of C++ and the enumeration of C are the same: each name of the table, in capitals, has its value.
namespace {
constexpr bool known(drk_status value) {
#define DRKIT_ERROR_CODE(name, number, description) \
  if (value == (number)) return true;
#include <drkit/error_codes.def>
#undef DRKIT_ERROR_CODE
  return false;
}
constexpr int kCodes = 0
#define DRKIT_ERROR_CODE(name, number, description) +1
#include <drkit/error_codes.def>
#undef DRKIT_ERROR_CODE
    ;
constexpr drkit::ErrorCode as_code(drk_status status) { return static_cast<drkit::ErrorCode>(status); }
using drkit::ErrorCode;
static_assert(kCodes == 20, "a code was added to error_codes.def: add it to drkit.h and below");
static_assert(as_code(DRK_OK) == ErrorCode::ok);
static_assert(as_code(DRK_INVALID_ARGUMENT) == ErrorCode::invalid_argument);
static_assert(as_code(DRK_UNSUPPORTED) == ErrorCode::unsupported);
static_assert(as_code(DRK_NOT_FOUND) == ErrorCode::not_found);
static_assert(as_code(DRK_ALREADY_EXISTS) == ErrorCode::already_exists);
static_assert(as_code(DRK_PRECONDITION_FAILED) == ErrorCode::precondition_failed);
static_assert(as_code(DRK_PERMISSION_DENIED) == ErrorCode::permission_denied);
static_assert(as_code(DRK_UNAUTHENTICATED) == ErrorCode::unauthenticated);
static_assert(as_code(DRK_UNAVAILABLE) == ErrorCode::unavailable);
static_assert(as_code(DRK_TIMEOUT) == ErrorCode::timeout);
static_assert(as_code(DRK_RATE_LIMITED) == ErrorCode::rate_limited);
static_assert(as_code(DRK_NO_SPACE) == ErrorCode::no_space);
static_assert(as_code(DRK_CORRUPT) == ErrorCode::corrupt);
static_assert(as_code(DRK_BAD_KEY) == ErrorCode::bad_key);
static_assert(as_code(DRK_VERSION_UNSUPPORTED) == ErrorCode::version_unsupported);
static_assert(as_code(DRK_CANCELLED) == ErrorCode::cancelled);
static_assert(as_code(DRK_CALLBACK_FAILED) == ErrorCode::callback_failed);
static_assert(as_code(DRK_IO) == ErrorCode::io);
static_assert(as_code(DRK_OUT_OF_MEMORY) == ErrorCode::out_of_memory);
static_assert(as_code(DRK_INTERNAL) == ErrorCode::internal);
}  // namespace

namespace drkit::capi {

drk_status fail_out_of_memory(drk_error** err) noexcept {
  static drk_error exhausted{std::bad_alloc()};
  if (err != nullptr) *err = &exhausted;
  return DRK_OUT_OF_MEMORY;
}

drk_status fail(drk_error** err, Error error) noexcept {
  const auto status = static_cast<drk_status>(error.code());
  if (err == nullptr) return status;
  try {
    *err = new drk_error(std::move(error));
    return status;
  } catch (...) {
    return fail_out_of_memory(err);
  }
}

bool is_known_code(drk_status status) noexcept { return known(status); }

Result<void> plugin_result(drk_status status, drk_error* error, std::string_view what) {
  const std::unique_ptr<drk_error, decltype(&drk_error_free)> owned(error, &drk_error_free);
  if (status == DRK_OK) return {};
  if (owned != nullptr && drk_error_code(owned.get()) == status) {
    return Error(owned->error).with("callback", std::string(what));
  }
  if (is_known_code(status)) {
    const std::string message = owned == nullptr ? "a callback failed" : owned->error.message();
    return Error(static_cast<ErrorCode>(status), message).with("callback", std::string(what));
  }
  return Error(ErrorCode::callback_failed, "a callback answered an unknown code")
      .with("callback", std::string(what))
      .with("code", std::to_string(status));
}

Result<void> give_buffer(drk_buffer** out, std::string bytes) {
  DRKIT_TRY(clear_out(out));
  *out = new drk_buffer{std::move(bytes)};
  return {};
}

}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_error* drk_error_new(drk_status code, const char* message, int retryable) {
  if (code == DRK_OK || !known(code)) return nullptr;
  try {
    const auto retry = retryable != 0 ? drkit::Retry::yes : drkit::Retry::no;
    return new drk_error(drkit::Error(as_code(code), text_or(message), retry));
  } catch (...) {
    return nullptr;
  }
}

drk_status drk_error_add_context(drk_error* error, const char* key, const char* value) {
  return guard(nullptr, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(error, "error"));
    DRKIT_TRY(require(key, "key"));
    DRKIT_TRY(require(value, "value"));
    if (error->is_static) return drkit::Error(drkit::ErrorCode::out_of_memory, "out of memory");
    drkit::Error changed = drkit::Error(error->error).with(key, value);
    error->text = changed.to_string();
    error->error = std::move(changed);
    return {};
  });
}

drk_status drk_error_code(const drk_error* error) {
  return error == nullptr ? drk_status{DRK_OK} : static_cast<drk_status>(error->error.code());
}
const char* drk_error_message(const drk_error* error) { return error == nullptr ? "" : error->error.message().c_str(); }
int drk_error_retryable(const drk_error* error) { return error != nullptr && error->error.retryable() ? 1 : 0; }
size_t drk_error_context_count(const drk_error* error) { return error == nullptr ? 0 : error->error.context().size(); }
const char* drk_error_context_key(const drk_error* error, size_t index) {
  return index < drk_error_context_count(error) ? error->error.context()[index].first.c_str() : nullptr;
}
const char* drk_error_context_value(const drk_error* error, size_t index) {
  return index < drk_error_context_count(error) ? error->error.context()[index].second.c_str() : nullptr;
}
const drk_error* drk_error_cause(const drk_error* error) { return error == nullptr ? nullptr : error->cause.get(); }
const char* drk_error_to_string(const drk_error* error) {
  if (error == nullptr) return "";
  return error->is_static ? "out_of_memory: out of memory" : error->text.c_str();
}
void drk_error_free(drk_error* error) {
  if (error != nullptr && !error->is_static) delete error;
}

const char* drk_status_name(drk_status status) {
  switch (status) {
#define DRKIT_ERROR_CODE(name, number, description) \
  case number:                                      \
    return #name;
#include <drkit/error_codes.def>
#undef DRKIT_ERROR_CODE
    default:
      return "unknown";
  }
}

const char* drk_version(void) { return DRKIT_VERSION; }
uint32_t drk_version_number(void) {
  return (DRKIT_VERSION_MAJOR << 16) | (DRKIT_VERSION_MINOR << 8) | DRKIT_VERSION_PATCH;
}

const char* drk_buffer_data(const drk_buffer* buffer) { return buffer == nullptr ? "" : buffer->bytes.c_str(); }
size_t drk_buffer_size(const drk_buffer* buffer) { return buffer == nullptr ? 0 : buffer->bytes.size(); }
void drk_buffer_free(drk_buffer* buffer) { delete buffer; }
drk_status drk_buffer_append(drk_buffer* buffer, const void* bytes, size_t size) {
  return guard(nullptr, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(buffer, "buffer"));
    if (size == 0) return {};
    DRKIT_TRY(require(bytes, "bytes"));
    buffer->bytes.append(static_cast<const char*>(bytes), size);
    return {};
  });
}

}  // extern "C"
