// Small files that are read and replaced whole, and what else of the process the upper layers ask for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/posix_file.hpp"

namespace drkit::base {

/// At most 1 MiB of the file; nothing when there is no such file. Errors: io, permission_denied.
Result<std::optional<std::string>> read_text_file(const std::string& path);
enum class Synced : bool { no, yes };
/// Replaces the file in one step, durably unless told that it need not be; threads and processes may do so at the same
/// time. Mode 0600.
Result<void> replace_text_file(const std::string& path, std::string_view text, Synced synced = Synced::yes);

/// A file without a name in the directory, gone with its descriptor.
Result<UniqueFd> open_spool_file(const std::string& directory);

std::string host_name();
std::int64_t process_id();

}  // namespace drkit::base
