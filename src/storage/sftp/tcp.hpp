// tcp: connected sockets, with waits that a cancelled context ends.
#pragma once

#include <chrono>
#include <string>

#include <drkit/context.hpp>

#include "base/posix_file.hpp"

namespace drkit::storage::sftp {

/// Waits of the driver end so often to look whether the caller has cancelled.
inline constexpr std::chrono::milliseconds kSlice{50};

/// A connected, non-blocking socket. Resolving the name cannot be cancelled: the resolver has its own timeouts.
/// Errors: unavailable (retryable unless the name does not exist), timeout, cancelled.
Result<base::UniqueFd> connect_tcp(const Context& ctx, const std::string& host, std::uint16_t port,
                                   std::chrono::steady_clock::time_point deadline);

/// Waits for the events of poll(2) for at most one slice; nothing having happened is success.
Result<void> wait_slice(const Context& ctx, int fd, short events);

}  // namespace drkit::storage::sftp
