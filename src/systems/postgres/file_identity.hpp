// Which file it is that lies at a path: what tells it from another one that came in its place.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>

#include <drkit/entry.hpp>

namespace drkit::systems::postgres {

/// When the file was made, nanoseconds since the Unix epoch; null where the file system does not keep it.
std::optional<std::int64_t> birth_of(int fd);

/// Device and inode are those of one file for ever only together with its birth: a copy that is made after the file was
/// removed gets the same inode on many file systems. So the birth is mixed into the device; a file whose birth is not
/// known, or so fresh that another one could have the same, keeps the bare device and never equals one with a birth.
/// now_ns: wall clock. A change time so fresh is given as 0, for it proves nothing later.
Fingerprint make_fingerprint(const struct stat& status, std::optional<std::int64_t> birth_ns, std::int64_t now_ns);

/// Of an open file, now.
Fingerprint fingerprint_of_file(int fd, const struct stat& status);

/// Whether the fingerprint is that of a file of this device whose birth is in it.
bool knows_birth(const Fingerprint& fingerprint, std::uint64_t device);

}  // namespace drkit::systems::postgres
