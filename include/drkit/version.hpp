// The only place where the version is written; CMake and pyproject.toml read it from here.
#pragma once

#define DRKIT_VERSION_MAJOR 0
#define DRKIT_VERSION_MINOR 1
#define DRKIT_VERSION_PATCH 0
#define DRKIT_VERSION "0.1.0"

namespace drkit {

/// Version of the repository format that this library writes; see docs/format/v1.md.
inline constexpr unsigned kFormatVersion = 1;

}  // namespace drkit
