// sftp: objects are files below a directory of an SSH server.
#pragma once

#include <string_view>

#include <drkit/registry.hpp>

#include "storage/sftp/settings.hpp"

namespace drkit::storage::sftp {

/// Connects once, so that wrong credentials, an unknown server and a missing directory show now.
/// Errors: unauthenticated (host key, credentials), unavailable, timeout, not_found (directory), precondition_failed
/// (not a directory), unsupported (no sftp), permission_denied.
Result<StoragePtr> open(const Context& ctx, Settings settings);

/// Settings of `sftp://user@host:port/path`; `/~/path` lies below the account's home directory. Query: host_key
/// (SHA256:...), known_hosts (file), timeout (seconds without a byte), connections (1 to 16), fsync (required,
/// optional). Errors: invalid_argument, unsupported (a proxy).
Result<Settings> parse(std::string_view address, const StorageOptions& options);

}  // namespace drkit::storage::sftp
