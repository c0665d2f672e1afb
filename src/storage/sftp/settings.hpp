// settings: where an SFTP storage is, whom it trusts, and how it signs in.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <drkit/secret.hpp>

namespace drkit::storage::sftp {

struct Settings {
  std::string host;
  std::uint16_t port = 22;
  std::string user;
  std::string root;  ///< absolute, or relative to the account's home directory; "." is that itself

  std::string host_key;          ///< "SHA256:..." that the server's key must have; "": known hosts decide
  std::string known_hosts_file;  ///< "": ~/.ssh/known_hosts of this process's user, and the system's

  std::string key_file;      ///< private key; "": none
  std::string agent_socket;  ///< "": none
  Secret password;           ///< passphrase of key_file when there is one, else the account's password

  bool create = false;        ///< make the root when it is missing
  bool require_fsync = true;  ///< refuse to write where the server cannot sync
  unsigned max_connections = 4;
  std::chrono::milliseconds connect_timeout{20'000};  ///< of one connection until files can be used
  std::chrono::milliseconds stall_timeout{30'000};    ///< no byte in either direction for so long: timeout
};

}  // namespace drkit::storage::sftp
