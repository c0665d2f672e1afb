// What this folder needs beside base/posix_file: paths fit for messages, and attributes through /proc.
#pragma once

#include <string>
#include <string_view>

#include <drkit/result.hpp>

#include "base/posix_file.hpp"

namespace drkit::systems::filesystem {

using base::UniqueFd;

/// The path with control bytes and backslashes escaped, so that it stays on one line.
std::string printable(std::string_view path);

/// "cannot <action>: <reason>" with the path in the context.
Error errno_error(int number, std::string_view action, std::string_view path);

/// unsupported when descriptors cannot be named through /proc, which attributes of files that are not open need.
Result<void> require_proc();

/// "/proc/self/fd/<fd>/": names below it resolve relative to the descriptor.
std::string proc_prefix(int directory_fd);

}  // namespace drkit::systems::filesystem
