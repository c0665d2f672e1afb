// Lister: walks the objects of a local storage whose keys start with a prefix.
#pragma once

#include <string_view>

#include <drkit/spi/storage.hpp>

#include "storage/local/tree.hpp"

namespace drkit::storage::local {

/// Errors: permission_denied, io; a directory that cannot be read is an error, never an empty listing.
Result<void> list_tree(const Context& ctx, const Tree& tree, std::string_view prefix, const ListVisitor& visit);

/// Nanoseconds since the epoch at which the content was last changed.
std::int64_t modified_ns(const struct stat& status);

}  // namespace drkit::storage::local
