// TempFile: a file being written, below the storage's own directory of temporary files.
#pragma once

#include <string>

#include <drkit/context.hpp>

#include "base/posix_file.hpp"

namespace drkit::storage::local {

/// No legal key has this part, so that no object can ever be taken for a temporary file.
inline constexpr const char* kTempDirectory = "tmp~";

/// Removes its file unless it was renamed.
class TempFile {
 public:
  /// Borrows temp_directory, which must outlive the file.
  static Result<TempFile> make(int temp_directory);
  TempFile(TempFile&& other) noexcept;
  TempFile& operator=(TempFile&&) = delete;
  ~TempFile();

  /// Writes and makes the content durable. Errors: no_space, io, cancelled.
  Result<void> fill(const Context& ctx, ByteView bytes);
  /// Gives the file its final name. Errors: already_exists when replace is false.
  Result<void> rename_to(int directory, const std::string& name, bool replace);

 private:
  Result<std::size_t> fill_directly(const Context& ctx, ByteView bytes);
  TempFile(int directory, std::string name, base::UniqueFd fd)
      : directory_(directory), name_(std::move(name)), fd_(std::move(fd)) {}

  int directory_;
  std::string name_;  // empty: nothing to remove
  base::UniqueFd fd_;
};

/// Removes temporary files that are older than a day and whose writer is gone. A writer holds a lock on its file, so
/// that a living one is never disturbed; what cannot be looked at is left alone.
void remove_stale_temp_files(const Context& ctx, int temp_directory);

}  // namespace drkit::storage::local
