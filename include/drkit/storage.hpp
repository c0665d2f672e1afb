// The storages that come with the library, and the decorators that wrap any storage.
#pragma once

#include <string>

#include <drkit/spi/storage.hpp>

namespace drkit {

/// An empty storage in this process's memory (`mem:`); the reference that the other storages are held against.
DRKIT_API StoragePtr make_memory_storage();

struct LocalOptions {
  /// Make the directory and its parents (mode 0700) when they are missing; otherwise that is not_found.
  bool create = false;
};

/// Objects as files below a directory (`file:///srv/backup`), one file a key.
/// Writes go through temporary files in the sub-directory `tmp~`, a name that no key can have; those of writers that
/// died more than a day ago are removed at the first put. Files are made with mode 0600, directories with 0700.
/// Symbolic links below the directory are refused, never followed. A key can not be the parent part of another key
/// ("a" and "a/b"): the second one is refused with precondition_failed.
/// Errors: not_found, precondition_failed (not a directory), permission_denied.
DRKIT_API Result<StoragePtr> make_local_storage(const std::string& path, LocalOptions options = {});

}  // namespace drkit
