// What C handles hold for the context and secrets, and the C++ context made of them for one call.
#pragma once

#include <drkit/context.hpp>
#include <drkit/repository.hpp>
#include <drkit/secret.hpp>

#include "options.hpp"

struct drk_cancel_token {
  drkit::CancelToken token;
};

struct drk_secret {
  drkit::Secret secret;
};

namespace drkit::capi {

/// A drk_context during one call. Not movable: the context points at its adapters.
class CallContext final : private Progress, private LogSink {
 public:
  CallContext() = default;
  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;

  Result<void> begin(const drk_context* given);
  const Context& get() const { return context_; }

 private:
  bool on_event(const ProgressEvent& event) noexcept override;
  void log(LogLevel level, std::string_view message) noexcept override;

  drk_context given_ = DRK_CONTEXT_INIT;
  Context context_;
};

/// As guard(), with the call's context.
template <class Body>
drk_status guard_call(const drk_context* ctx, drk_error** err, Body&& body) noexcept {
  return guard(err, [&]() -> Result<void> {
    CallContext call;
    DRKIT_TRY(call.begin(ctx));
    return body(call.get());
  });
}

/// The same for calls that give a handle, which is null whenever the call fails.
template <class Handle, class Body>
drk_status guard_call(const drk_context* ctx, Handle** out, drk_error** err, Body&& body) noexcept {
  if (out != nullptr) *out = nullptr;
  return guard_call(ctx, err, [&](const Context& context) -> Result<void> {
    DRKIT_TRY(require(out, "the out parameter"));
    return body(context);
  });
}

Result<Credential> copy_credential(const drk_credential& given);
std::optional<Secret> clone_secret(const drk_secret* secret);

}  // namespace drkit::capi
