// The content of one restored file.
#pragma once

#include <memory>

#include <drkit/spi/target.hpp>

#include "systems/filesystem/apply_attributes.hpp"
#include "systems/filesystem/directory_cache.hpp"
#include "systems/filesystem/write_behind.hpp"

namespace drkit::systems::filesystem {

struct OpenedFile {
  SharedFd directory;
  UniqueFd fd;
  bool existed = false;  ///< it is updated in place
};

/// Sets its attributes when it is closed; removes the file when it is destroyed before. write_behind: is told of what
/// waits in memory; outlives the sink; may be null.
std::unique_ptr<Sink> make_file_sink(Entry entry, OpenedFile file, const AttributePolicy& policy,
                                     WriteBehind* write_behind);

}  // namespace drkit::systems::filesystem
