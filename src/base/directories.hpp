// Directories that other accounts may go through.
#pragma once

#include <string>

#include <drkit/result.hpp>

namespace drkit::base {

/// Makes the directory (mode 0700) and its missing parents durably. Those are 0755, whatever the process's mask says.
Result<void> make_directories_with_open_parents(const std::string& path);

}  // namespace drkit::base
