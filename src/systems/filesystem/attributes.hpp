// From the kernel's view of a file to an Entry.
#pragma once

#include <sys/stat.h>

#include <string>

#include <drkit/entry.hpp>

#include "systems/filesystem/owner_names.hpp"

namespace drkit::systems::filesystem {

inline std::int64_t nanoseconds_of(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}
timespec timespec_of(std::int64_t nanoseconds);

EntryType type_of(const struct stat& status);

/// Everything that stat knows; xattrs, link targets and hard links are the caller's.
void fill_attributes(const struct stat& status, OwnerNames& names, Entry& entry);

Fingerprint fingerprint_of(const struct stat& status);

void set_problem(Entry& entry, const Error& error);

}  // namespace drkit::systems::filesystem
