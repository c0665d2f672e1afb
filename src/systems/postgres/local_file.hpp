// One file of a running server, read while the server writes it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include <drkit/spi/source.hpp>

#include "base/posix_file.hpp"
#include "systems/postgres/local_tally.hpp"

namespace drkit::systems::postgres {

/// How the pages of a file are judged.
struct PageRules {
  std::uint32_t first_block = 0;
  Lsn start = 0;  ///< of the backup
};

/// What an earlier backup of the same cluster, read locally too, says.
struct EarlierCluster {
  struct File {
    std::uint64_t size_bytes = 0;
    std::uint32_t crc32c = 0;
  };
  std::unordered_map<std::string, File> files;  ///< of its manifest
  std::unordered_set<std::string> damaged;      ///< files that must be looked at again
  /// Pages whose LSN is below this and not 0 are as they were then. 0: pages tell nothing.
  Lsn unchanged_below = 0;
  std::string full_because;  ///< why pages tell nothing
};

/// Reads what the file held when it was opened, or less when the server cut it meanwhile. rules: null for files that
/// are not made of pages with checksums. A page that does not fit its checksum is read again a few times; if it then is
/// newer than the backup's start, recovery replaces it, else it is damage: both are told to the tally, and the bytes
/// are given as they are.
/// entry.size_bytes: the size when the file was opened. Ownership: tally and earlier (may be null) are borrowed.
std::unique_ptr<Stream> make_local_file(Entry entry, base::UniqueFd fd, std::optional<PageRules> rules,
                                        LocalTally& tally, const EarlierCluster* earlier);

/// Whether changes of pages of this file always raise their LSN: the main forks of relations, not the maps beside them.
bool pages_tell_changes(std::string_view path);

/// Content that is in memory already, or that `more` gives piece by piece (an empty piece ends it).
std::unique_ptr<Stream> make_text_stream(Entry entry, std::string text, std::function<std::string()> more = {});

/// An entry without content.
std::unique_ptr<Stream> make_bare_stream(Entry entry);

}  // namespace drkit::systems::postgres
