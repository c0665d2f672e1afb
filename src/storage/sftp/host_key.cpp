// Who the server is. Nothing is ever accepted because it is new.
#include <array>
#include <fstream>

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

// The first key that a file of known hosts has for the server; libssh shows the matching one alone.
std::string fingerprint_in(const std::string& file, const std::string& host) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    struct ssh_knownhosts_entry* entry = nullptr;
    if (ssh_known_hosts_parse_line(host.c_str(), line.c_str(), &entry) != SSH_OK || entry == nullptr) continue;
    const auto fingerprint = fingerprint_of(entry->publickey);
    ssh_knownhosts_entry_free(entry);
    if (fingerprint) return *fingerprint;
  }
  return {};
}

std::string known_fingerprint(ssh_session session, const Settings& settings) {
  const std::string host =
      settings.port == 22 ? settings.host : "[" + settings.host + "]:" + std::to_string(settings.port);
  for (const ssh_options_e option : {SSH_OPTIONS_KNOWNHOSTS, SSH_OPTIONS_GLOBAL_KNOWNHOSTS}) {
    char* file = nullptr;
    if (ssh_options_get(session, option, &file) != SSH_OK || file == nullptr) continue;
    const std::string found = fingerprint_in(file, host);
    ssh_string_free_char(file);
    if (!found.empty()) return found;
  }
  return "a key of another kind";
}

Error distrust(std::string message, std::string expected, std::string found) {
  return Error(ErrorCode::unauthenticated, std::move(message))
      .with("expected", std::move(expected))
      .with("found", std::move(found));
}

Result<void> ask_known_hosts(ssh_session session, const Settings& settings) {
  const auto state = ssh_session_is_known_server(session);
  if (state == SSH_KNOWN_HOSTS_OK) return {};
  DRKIT_ASSIGN(std::string found, fingerprint_of_server(session));
  switch (state) {
    case SSH_KNOWN_HOSTS_CHANGED:
    case SSH_KNOWN_HOSTS_OTHER:
      return distrust("the server's host key is not the known one: another server, or somebody in between",
                      known_fingerprint(session, settings), std::move(found));
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
  DRKIT_TRY(ask_known_hosts(session.get(), settings));
  return session;
}

}  // namespace drkit::storage::sftp
