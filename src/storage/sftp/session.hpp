// session: an SSH connection whose server has been recognised and who has let us in, with one sftp channel.
#pragma once

#include <libssh/libssh.h>

#include <chrono>
#include <memory>
#include <string>

#include <drkit/context.hpp>

#include "storage/sftp/settings.hpp"

namespace drkit::storage::sftp {

struct CloseSession {
  void operator()(ssh_session session) const;
};
using SshSession = std::unique_ptr<ssh_session_struct, CloseSession>;

struct FreeKey {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
using SshKey = std::unique_ptr<ssh_key_struct, FreeKey>;

using Deadline = std::chrono::steady_clock::time_point;

/// One step of work that libssh does without blocking: repeats it until it is done or the deadline has passed.
/// `again` is what the step answers while it must wait. Answers the step's last word.
template <class Step>
Result<int> until_done(const Context& ctx, ssh_session session, Deadline deadline, int again, Step step);

/// Connects, without trusting or authenticating anybody yet. `host_key_types`: "" for what the known hosts suggest.
/// Errors: as connect_tcp; unavailable; unsupported ("no algorithm in common").
Result<SshSession> open_session(const Context& ctx, const Settings& settings, Deadline deadline,
                                const std::string& host_key_types);

/// Connects to a server that proves to be the right one: by the pinned fingerprint, else by the known hosts.
/// Errors: as open_session; unauthenticated with "expected" and "found" when it is another one or not known.
Result<SshSession> open_trusted_session(const Context& ctx, const Settings& settings, Deadline deadline);

/// Signs in by key, agent or password. Errors: unauthenticated.
Result<void> authenticate(const Context& ctx, const Settings& settings, ssh_session session, Deadline deadline);

/// The last error of the session as ours: lost connections are unavailable and retryable.
Error session_error(ssh_session session, std::string_view what);

/// Waits one slice for the session's socket. Errors: cancelled.
Result<void> wait_session(const Context& ctx, ssh_session session);

template <class Step>
Result<int> until_done(const Context& ctx, ssh_session session, Deadline deadline, int again, Step step) {
  for (;;) {
    const int answer = step();
    if (answer != again) return answer;
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error(ErrorCode::timeout, "the server does not answer", Retry::yes);
    }
    DRKIT_TRY(wait_session(ctx, session));
  }
}

}  // namespace drkit::storage::sftp
