// file_digests: SHA-256 and size of every file against the manifest.
#pragma once

#include <memory>

#include <drkit/spi/check.hpp>

namespace drkit::checks {

std::unique_ptr<Check> make_file_digests_check();

}  // namespace drkit::checks
