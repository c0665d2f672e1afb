// secrets: where passwords and keys come from. The command line alone reads the environment; the library never does.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <drkit/context.hpp>
#include <drkit/registry.hpp>
#include <drkit/repository.hpp>
#include <drkit/secret.hpp>

namespace cli {

struct SecretOptions {
  std::string password_file;
  std::string key_file;
};

/// What opens a storage, as the command line gives it.
struct AccessOptions {
  std::string user;
  std::string password_file;
  std::string key_file;
  std::string ca_file;
  std::string client_certificate_file;
  std::string client_key_file;
  std::string proxy;
  std::string limit_download;
  unsigned calls = 0;
  bool read_only = false;
  std::string cache;
  std::string cache_size;
};

/// Takes DRKIT_PASSWORD, DRKIT_PASSWORD_FILE and DRKIT_STORAGE_... out of the environment, so that no command started
/// later (exec:, a server under test) inherits them. Called once, first.
void take_environment();

/// The first of: --key-file, --password-file, DRKIT_PASSWORD_FILE, DRKIT_PASSWORD, a question on the terminal.
/// Errors: unauthenticated when there is none of them.
drkit::Result<drkit::Credential> find_credential(const drkit::Context& ctx, const SecretOptions& options);

/// As find_credential, and asks nobody: nothing when none was given.
drkit::Result<std::optional<drkit::Credential>> find_given_credential(const SecretOptions& options);

/// As find_credential, for a new password: no key file, the terminal asks twice. Empty when there is none.
drkit::Result<std::optional<drkit::Secret>> find_new_password(const drkit::Context& ctx,
                                                              const std::string& password_file, bool environment_too,
                                                              bool ask);

/// Fills in who opens a storage: the options first, then DRKIT_STORAGE_USER, DRKIT_STORAGE_PASSWORD and
/// DRKIT_STORAGE_KEY_FILE, and the agent that SSH_AUTH_SOCK names.
drkit::Result<void> add_access(const AccessOptions& given, drkit::StorageOptions& options);

/// The variables by which a program started later opens the same storage as this one: what take_environment took of the
/// storage's, and those of AWS, proxies and the agent. For a server's restore_command: nothing else inherits them.
std::map<std::string, std::string> storage_environment();

/// The first line of a file, at most 1 MiB, without its line ending; "-" reads standard input.
drkit::Result<drkit::Secret> read_secret_file(const std::string& path, const std::string& what);

}  // namespace cli
