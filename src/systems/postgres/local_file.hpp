// One file of a running server, read while the server writes it.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <drkit/spi/source.hpp>

#include "base/posix_file.hpp"
#include "systems/postgres/local_tally.hpp"

namespace drkit::systems::postgres {

/// How the pages of a file are judged.
struct PageRules {
  std::uint32_t first_block = 0;
  Lsn start = 0;  ///< of the backup
};

/// Reads what the file held when it was opened, or less when the server cut it meanwhile. rules: null for files that
/// are not made of pages with checksums. A page that does not fit its checksum is read again a few times; if it then is
/// newer than the backup's start, recovery replaces it, else it is damage: both are told to the tally, and the bytes
/// are given as they are.
/// entry.size_bytes: the size when the file was opened. Ownership: the tally is borrowed.
std::unique_ptr<Stream> make_local_file(Entry entry, base::UniqueFd fd, std::optional<PageRules> rules,
                                        LocalTally& tally);

/// Content that is in memory already, or that `more` gives piece by piece (an empty piece ends it).
std::unique_ptr<Stream> make_text_stream(Entry entry, std::string text, std::function<std::string()> more = {});

/// An entry without content.
std::unique_ptr<Stream> make_bare_stream(Entry entry);

}  // namespace drkit::systems::postgres
