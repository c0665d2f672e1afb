#include "context.hpp"

namespace drkit::capi {

static_assert(DRK_LOG_DEBUG == static_cast<int>(LogLevel::debug) && DRK_LOG_INFO == static_cast<int>(LogLevel::info));
static_assert(DRK_LOG_WARNING == static_cast<int>(LogLevel::warning) &&
              DRK_LOG_ERROR == static_cast<int>(LogLevel::error));

Result<void> CallContext::begin(const drk_context* given) {
  DRKIT_ASSIGN(given_, copy_options(given, drk_context(DRK_CONTEXT_INIT)));
  if (given_.cancel != nullptr) context_.cancel = given_.cancel->token;
  if (given_.progress != nullptr) context_.progress = this;
  if (given_.log != nullptr) context_.log = this;
  return {};
}

bool CallContext::on_event(const ProgressEvent& event) noexcept {
  try {
    const std::string phase(event.phase), item(event.item);
    const drk_progress_event out{sizeof(drk_progress_event),
                                 0,
                                 phase.c_str(),
                                 item.c_str(),
                                 event.items_done,
                                 event.items_total,
                                 event.bytes_done,
                                 event.bytes_total,
                                 event.bytes_stored};
    return given_.progress(&out, given_.progress_user_data) == 0;
  } catch (...) {
    return false;
  }
}

void CallContext::log(LogLevel level, std::string_view message) noexcept {
  try {
    given_.log(static_cast<drk_log_level>(level), std::string(message).c_str(), given_.log_user_data);
  } catch (...) {
    return;  // a log line that cannot be told must not end the operation
  }
}

std::optional<Secret> clone_secret(const drk_secret* secret) {
  if (secret == nullptr) return std::nullopt;
  return secret->secret.clone();
}

Result<Credential> copy_credential(const drk_credential& given) {
  if ((given.password == nullptr) == (given.key == nullptr)) {
    return invalid("exactly one of password and key must be given");
  }
  return Credential{clone_secret(given.password), clone_secret(given.key)};
}

}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_cancel_token_new(drk_cancel_token** out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    *out = new drk_cancel_token;
    return {};
  });
}
void drk_cancel(drk_cancel_token* token) {
  if (token != nullptr) token->token.cancel();
}
int drk_cancel_token_cancelled(const drk_cancel_token* token) {
  return token != nullptr && token->token.cancelled() ? 1 : 0;
}
void drk_cancel_token_free(drk_cancel_token* token) { delete token; }

drk_status drk_secret_new(const void* bytes, size_t size, drk_secret** out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    if (size != 0) DRKIT_TRY(require(bytes, "bytes"));
    *out = new drk_secret{drkit::Secret::copy_of({static_cast<const std::byte*>(bytes), size})};
    return {};
  });
}
const void* drk_secret_bytes(const drk_secret* secret, size_t* size) {
  const drkit::ByteView view = secret == nullptr ? drkit::ByteView() : secret->secret.view();
  if (size != nullptr) *size = view.size();
  return view.data();
}
void drk_secret_free(drk_secret* secret) { delete secret; }

drk_status drk_keygen(drk_secret** out_secret_key, drk_buffer** out_public_key, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out_secret_key));
    DRKIT_TRY(clear_out(out_public_key));
    DRKIT_ASSIGN(drkit::KeyFile key, drkit::KeyFile::generate());
    auto secret = std::make_unique<drk_secret>(drk_secret{std::move(key.secret_key)});
    DRKIT_TRY(give_buffer(out_public_key, std::move(key.public_key)));
    *out_secret_key = secret.release();
    return {};
  });
}

}  // extern "C"
