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
  bool existed = false;   ///< it is updated in place
  bool shared = false;    ///< existed, open for reading: it has other names, so that a change needs a copy
  bool unshare = false;   ///< shared, and even when nothing changes it is to become a file of its own
  std::string temporary;  ///< where the file lies until it is complete; empty: under its own name
};

/// A new file under a temporary name in the directory.
struct TemporaryFile {
  std::string name;
  UniqueFd fd;
};
Result<TemporaryFile> make_temporary(int directory, std::string_view path);

/// Sets its attributes when it is closed. Destroyed before, it removes what it has made; a file that was there stays,
/// as far as it was updated. write_behind: is told of what waits in memory; outlives the sink; may be null.
std::unique_ptr<Sink> make_file_sink(Entry entry, OpenedFile file, const AttributePolicy& policy,
                                     WriteBehind* write_behind);

}  // namespace drkit::systems::filesystem
