// address: the text that names a storage, a source or a target, taken apart.
#pragma once

#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::registry {

enum class Scheme { path, memory, postgres, process, standard_output };

struct Address {
  Scheme scheme = Scheme::path;
  std::string rest;  ///< a directory, a connection string, a command; empty for memory and standard_output
};

/// `file:///dir` (percent-encoding undone), a bare path (taken as it is), `mem:`, `postgres:CONNINFO`, `postgres://...`,
/// `postgresql://...`, `exec:COMMAND`, `-`. Errors: invalid_argument; unsupported (another scheme, named).
Result<Address> parse_address(std::string_view text);

}  // namespace drkit::registry
