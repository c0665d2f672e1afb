// Who we are: a key file, an agent, or a password.
#include <algorithm>

#include "storage/sftp/session.hpp"

namespace drkit::storage::sftp {
namespace {

// libssh wants text with a NUL behind it.
Secret terminated(const Secret& secret) {
  Secret copy = Secret::zeros(secret.size() + 1);
  std::copy(secret.view().begin(), secret.view().end(), copy.writable().begin());
  return copy;
}
const char* text_of(const Secret& secret) { return reinterpret_cast<const char*>(secret.view().data()); }

Result<SshKey> load_key(const Settings& settings) {
  const Secret passphrase = terminated(settings.password);
  ssh_key key = nullptr;
  const int loaded = ssh_pki_import_privkey_file(
      settings.key_file.c_str(), settings.password.empty() ? nullptr : text_of(passphrase), nullptr, nullptr, &key);
  if (loaded == SSH_OK) return SshKey(key);
  if (loaded == SSH_EOF) {
    return Error(ErrorCode::unauthenticated, "cannot read the private key's file").with("key_file", settings.key_file);
  }
  return Error(ErrorCode::unauthenticated, settings.password.empty()
                                               ? "the private key cannot be used: damaged, or it needs a passphrase"
                                               : "the private key cannot be used: wrong passphrase, or damaged")
      .with("key_file", settings.key_file);
}

class SignIn {
 public:
  SignIn(const Context& ctx, const Settings& settings, ssh_session session, Deadline deadline)
      : ctx_(ctx), settings_(settings), session_(session), deadline_(deadline) {}

  // SSH_AUTH_SUCCESS, _PARTIAL or _DENIED.
  Result<int> by_key() {
    DRKIT_ASSIGN(const SshKey key, load_key(settings_));
    return answer([&] { return ssh_userauth_publickey(session_, nullptr, key.get()); });
  }
  Result<int> by_agent() {
    return answer([&] { return ssh_userauth_agent(session_, nullptr); });
  }
  Result<int> by_password() {
    const Secret password = terminated(settings_.password);
    DRKIT_ASSIGN(const int plain, answer([&] { return ssh_userauth_password(session_, nullptr, text_of(password)); }));
    if (plain == SSH_AUTH_SUCCESS) return plain;
    return by_dialogue(password);
  }

 private:
  // Servers that ask for the password by a question of their own.
  Result<int> by_dialogue(const Secret& password) {
    constexpr int kMaxRounds = 5;
    int state = SSH_AUTH_DENIED;
    for (int round = 0; round < kMaxRounds; ++round) {
      DRKIT_ASSIGN(state, answer([&] { return ssh_userauth_kbdint(session_, nullptr, nullptr); }));
      if (state != SSH_AUTH_INFO) break;
      for (int i = 0; i < ssh_userauth_kbdint_getnprompts(session_); ++i) {
        static_cast<void>(ssh_userauth_kbdint_setanswer(session_, static_cast<unsigned int>(i), text_of(password)));
      }
    }
    return state;
  }

  template <class Step>
  Result<int> answer(Step step) {
    DRKIT_ASSIGN(const int state, until_done(ctx_, session_, deadline_, SSH_AUTH_AGAIN, step));
    if (state == SSH_AUTH_ERROR && ssh_is_connected(session_) == 0) return session_error(session_, "cannot sign in");
    return state;
  }

  const Context& ctx_;
  const Settings& settings_;
  const ssh_session session_;
  const Deadline deadline_;
};

}  // namespace

Result<void> authenticate(const Context& ctx, const Settings& settings, ssh_session session, Deadline deadline) {
  SignIn sign_in(ctx, settings, session, deadline);
  std::string tried;
  if (!settings.key_file.empty()) {
    tried += " key";
    DRKIT_ASSIGN(const int state, sign_in.by_key());
    if (state == SSH_AUTH_SUCCESS) return {};
  }
  if (!settings.agent_socket.empty()) {
    tried += " agent";
    DRKIT_ASSIGN(const int state, sign_in.by_agent());
    if (state == SSH_AUTH_SUCCESS) return {};
  }
  if (settings.key_file.empty() && !settings.password.empty()) {
    tried += " password";
    DRKIT_ASSIGN(const int state, sign_in.by_password());
    if (state == SSH_AUTH_SUCCESS) return {};
  }
  if (tried.empty()) {
    return Error(ErrorCode::unauthenticated, "no credentials were given: a key file, an agent or a password");
  }
  return Error(ErrorCode::unauthenticated, "the server refused the credentials").with("tried", tried.substr(1));
}

}  // namespace drkit::storage::sftp
