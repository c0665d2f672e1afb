// Who the server is. Nothing is ever accepted because it is new.
#include <array>
#include <vector>

#include "storage/sftp/session.hpp"

namespace drkit::storage::sftp {
namespace {

constexpr std::array<const char*, 3> kKeyTypes = {
    "ssh-ed25519", "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521", "rsa-sha2-512,rsa-sha2-256"};

// As `ssh-keygen -l` shows it: SHA256: and base64 without padding.
Result<std::string> fingerprint_of(ssh_key key) {
  unsigned char* hash = nullptr;
  std::size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != 0) {
    return Error(ErrorCode::internal, "cannot hash the server's key");
  }
  char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size);
  ssh_clean_pubkey_hash(&hash);
  if (text == nullptr) return Error(ErrorCode::out_of_memory, "out of memory");
  std::string fingerprint = text;
  ssh_string_free_char(text);
  return fingerprint;
}

Result<std::string> fingerprint_of_server(ssh_session session) {
  ssh_key key = nullptr;
  if (ssh_get_server_publickey(session, &key) != SSH_OK) return session_error(session, "the server shows no key");
  return fingerprint_of(SshKey(key).get());
}

std::string known_fingerprint(ssh_session session) {
  struct ssh_knownhosts_entry* entry = nullptr;
  static_cast<void>(ssh_session_get_known_hosts_entry(session, &entry));
  if (entry == nullptr) return "a key of another kind";
  const auto fingerprint = fingerprint_of(entry->publickey);
  ssh_knownhosts_entry_free(entry);
  return fingerprint ? *fingerprint : "unreadable";
}

Error distrust(std::string message, std::string expected, std::string found) {
  return Error(ErrorCode::unauthenticated, std::move(message))
      .with("expected", std::move(expected))
      .with("found", std::move(found));
}

Result<void> ask_known_hosts(ssh_session session) {
  const auto state = ssh_session_is_known_server(session);
  if (state == SSH_KNOWN_HOSTS_OK) return {};
  DRKIT_ASSIGN(std::string found, fingerprint_of_server(session));
  switch (state) {
    case SSH_KNOWN_HOSTS_CHANGED:
    case SSH_KNOWN_HOSTS_OTHER:
      return distrust("the server's host key is not the known one: another server, or somebody in between",
                      known_fingerprint(session), std::move(found));
    case SSH_KNOWN_HOSTS_UNKNOWN:
    case SSH_KNOWN_HOSTS_NOT_FOUND:
      return distrust("the server's host key is not known: pin it in the address (host_key=) or add it to known_hosts",
                      "none", std::move(found));
    default:
      return distrust("the known hosts cannot be read", "unreadable", std::move(found));
  }
}

// A server has keys of several kinds and shows one; the pinned one may be any of them.
Result<SshSession> open_pinned(const Context& ctx, const Settings& settings, Deadline deadline) {
  std::string seen;
  for (const char* const types : kKeyTypes) {
    auto session = open_session(ctx, settings, deadline, types);
    if (!session && session.error().code() == ErrorCode::unsupported) continue;
    if (!session) return session;
    DRKIT_ASSIGN(const std::string found, fingerprint_of_server(session->get()));
    if (found == settings.host_key) return session;
    seen += (seen.empty() ? "" : ", ") + found;
  }
  return distrust("the server's host key is not the pinned one: another server, or somebody in between",
                  settings.host_key, seen.empty() ? "no key of a known kind" : seen);
}

}  // namespace

Result<SshSession> open_trusted_session(const Context& ctx, const Settings& settings, Deadline deadline) {
  if (!settings.host_key.empty()) return open_pinned(ctx, settings, deadline);
  DRKIT_ASSIGN(SshSession session, open_session(ctx, settings, deadline, ""));
  DRKIT_TRY(ask_known_hosts(session.get()));
  return session;
}

}  // namespace drkit::storage::sftp
