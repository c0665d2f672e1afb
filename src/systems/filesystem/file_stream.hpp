// The content of one regular file, opened at the first read.
#pragma once

#include <memory>
#include <string>

#include <sys/stat.h>

#include <drkit/spi/source.hpp>

#include "systems/filesystem/hard_links.hpp"
#include "systems/filesystem/posix.hpp"

namespace drkit::systems::filesystem {

/// Where a file is: a name in a directory that is held open.
struct FilePlace {
  std::shared_ptr<const UniqueFd> directory;
  std::string name;
};

/// Makes the stream of a regular file; links may be null.
std::unique_ptr<Stream> make_file_stream(Entry entry, const struct stat& status, FilePlace place,
                                         std::shared_ptr<HardLinks> links);

/// An entry without content.
std::unique_ptr<Stream> make_empty_stream(Entry entry);

}  // namespace drkit::systems::filesystem
