#include "storage/sftp/session.hpp"

#include <poll.h>

#include "storage/sftp/tcp.hpp"

namespace drkit::storage::sftp {
namespace {

Result<void> set_option(ssh_session session, ssh_options_e option, const void* value) {
  if (ssh_options_set(session, option, value) == SSH_OK) return {};
  return Error(ErrorCode::invalid_argument, std::string("unusable ssh setting: ") + ssh_get_error(session));
}

Result<void> set_options(ssh_session session, const Settings& settings, const std::string& host_key_types) {
  // The user's ssh_config is the ssh program's business: nothing here may depend on it.
  const bool no_config = false;
  DRKIT_TRY(set_option(session, SSH_OPTIONS_PROCESS_CONFIG, &no_config));
  DRKIT_TRY(set_option(session, SSH_OPTIONS_HOST, settings.host.c_str()));
  const unsigned int port = settings.port;
  DRKIT_TRY(set_option(session, SSH_OPTIONS_PORT, &port));
  DRKIT_TRY(set_option(session, SSH_OPTIONS_USER, settings.user.c_str()));
  if (!settings.known_hosts_file.empty()) {
    DRKIT_TRY(set_option(session, SSH_OPTIONS_KNOWNHOSTS, settings.known_hosts_file.c_str()));
    DRKIT_TRY(set_option(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"));
  }
  if (!settings.agent_socket.empty()) {
    DRKIT_TRY(set_option(session, SSH_OPTIONS_IDENTITY_AGENT, settings.agent_socket.c_str()));
  }
  if (!host_key_types.empty()) DRKIT_TRY(set_option(session, SSH_OPTIONS_HOSTKEYS, host_key_types.c_str()));
  // AES in hardware is several times faster than what libssh would choose first; a processor without it pays little.
  const char* const ciphers =
      "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr";
  DRKIT_TRY(set_option(session, SSH_OPTIONS_CIPHERS_C_S, ciphers));
  return set_option(session, SSH_OPTIONS_CIPHERS_S_C, ciphers);
}

}  // namespace

void CloseSession::operator()(ssh_session session) const {
  ssh_disconnect(session);
  ssh_free(session);
}

Error session_error(ssh_session session, std::string_view what) {
  const std::string reason = ssh_get_error(session);
  const std::string message = std::string(what) + (reason.empty() ? "" : ": " + reason);
  if (reason.find("no match for method") != std::string::npos) return Error(ErrorCode::unsupported, message);
  return Error(ErrorCode::unavailable, message, Retry::yes);
}

Result<void> wait_session(const Context& ctx, ssh_session session) {
  const bool writes = (ssh_get_poll_flags(session) & SSH_WRITE_PENDING) != 0;
  return wait_slice(ctx, ssh_get_fd(session), static_cast<short>(POLLIN | (writes ? POLLOUT : 0)));
}

Result<SshSession> open_session(const Context& ctx, const Settings& settings, Deadline deadline,
                                const std::string& host_key_types) {
  SshSession session(ssh_new());
  if (!session) return Error(ErrorCode::out_of_memory, "out of memory");
  ssh_set_blocking(session.get(), 0);
  DRKIT_TRY(set_options(session.get(), settings, host_key_types));
  DRKIT_ASSIGN(base::UniqueFd fd, connect_tcp(ctx, settings.host, settings.port, deadline));
  const socket_t socket = fd.get();
  DRKIT_TRY(set_option(session.get(), SSH_OPTIONS_FD, &socket));
  fd.release();  // the session closes it
  DRKIT_ASSIGN(const int connected,
               until_done(ctx, session.get(), deadline, SSH_AGAIN, [&] { return ssh_connect(session.get()); }));
  if (connected != SSH_OK) return session_error(session.get(), "cannot begin ssh");
  return session;
}

}  // namespace drkit::storage::sftp
