// path_address: addresses that mean a directory.
#pragma once

#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::registry {

/// The directory of a bare path or of file:///dir. Errors: invalid_argument (empty, a host, a query, NUL).
Result<std::string> directory_of(std::string_view address);

}  // namespace drkit::registry
