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
  // By one method and with one answer: a server that counts failures counts one wrong password once.
  Result<int> by_password() {
    DRKIT_ASSIGN(const int open, answer([&] { return ssh_userauth_none(session_, nullptr); }));
    if (open == SSH_AUTH_SUCCESS || open == SSH_AUTH_ERROR) return open;
    const auto methods = static_cast<unsigned>(ssh_userauth_list(session_, nullptr));
    const Secret password = terminated(settings_.password);
    if ((methods & SSH_AUTH_METHOD_PASSWORD) != 0) {
      return answer([&] { return ssh_userauth_password(session_, nullptr, text_of(password)); });
    }
    if ((methods & SSH_AUTH_METHOD_INTERACTIVE) != 0) return by_dialogue(password);
    return refusal("the server takes no passwords");
  }

  /// What a method came to: signed in, or the next one's turn.
  Result<bool> judge(int state) const {
    if (state != SSH_AUTH_PARTIAL) return state == SSH_AUTH_SUCCESS;
    return refusal("the server wants a second proof besides this one, which sftp storages cannot give");
  }
  void begin(const char* method) { tried_ += (tried_.empty() ? "" : " ") + std::string(method); }
  Error refusal(const char* why) const {
    return tried_.empty() ? Error(ErrorCode::unauthenticated, why)
                          : Error(ErrorCode::unauthenticated, why).with("tried", tried_);
  }

 private:
  // Servers that ask for the password by a question of their own. Who asks again has refused the answer.
  Result<int> by_dialogue(const Secret& password) {
    constexpr int kMaxRounds = 5;
    bool answered = false;
    int state = SSH_AUTH_DENIED;
    for (int round = 0; round < kMaxRounds; ++round) {
      DRKIT_ASSIGN(state, answer([&] { return ssh_userauth_kbdint(session_, nullptr, nullptr); }));
      if (state != SSH_AUTH_INFO) return state;
      const int questions = ssh_userauth_kbdint_getnprompts(session_);
      if (questions <= 0) continue;
      char echo = 0;
      static_cast<void>(ssh_userauth_kbdint_getprompt(session_, 0, &echo));
      // A password is asked for once, alone, and is not to be seen.
      if (answered || questions > 1 || echo != 0) return refusal("the server asks for more than the password");
      if (ssh_userauth_kbdint_setanswer(session_, 0, text_of(password)) != 0) {
        return session_error(session_, "cannot sign in");
      }
      answered = true;
    }
    return SSH_AUTH_DENIED;
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
  std::string tried_;
};

}  // namespace

Result<void> authenticate(const Context& ctx, const Settings& settings, ssh_session session, Deadline deadline) {
  struct Method {
    const char* name;
    bool given;
    Result<int> (SignIn::*run)();
  };
  const Method methods[] = {
      {"key", !settings.key_file.empty(), &SignIn::by_key},
      {"agent", !settings.agent_socket.empty(), &SignIn::by_agent},
      {"password", settings.key_file.empty() && !settings.password.empty(), &SignIn::by_password},
  };
  SignIn sign_in(ctx, settings, session, deadline);
  bool any = false;
  for (const Method& method : methods) {
    if (!method.given) continue;
    any = true;
    sign_in.begin(method.name);
    DRKIT_ASSIGN(const int state, (sign_in.*method.run)());
    DRKIT_ASSIGN(const bool in, sign_in.judge(state));
    if (in) return {};
  }
  return sign_in.refusal(any ? "the server refused the credentials"
                             : "no credentials were given: a key file, an agent or a password");
}

}  // namespace drkit::storage::sftp
