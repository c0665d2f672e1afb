// DraftFile: a file in the making, which takes the place of another in one step.
#pragma once

#include <optional>
#include <string>

#include "base/posix_file.hpp"

namespace drkit::base {

/// "<path>.new", locked by one process at a time. The lock ends with the process, and what a killed one left is written
/// over, so there are never more than two files. Not replacing is giving up: the draft is removed.
class DraftFile {
 public:
  /// Empty; nothing while another process, or another draft of this one, has it.
  static Result<std::optional<DraftFile>> open(const std::string& path);
  DraftFile(DraftFile&&) noexcept = default;
  DraftFile& operator=(DraftFile&&) = delete;
  ~DraftFile();

  Result<void> write_at(std::uint64_t offset, ByteView bytes);
  /// Makes it durable under the name of the other file. REQUIRES: called once, at last. Errors: io; the other file is
  /// then as it was, unless only the new name was not made durable.
  Result<void> replace();

 private:
  DraftFile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string draft_path() const { return path_ + ".new"; }

  std::string path_;
  UniqueFd file_;
};

Result<std::uint64_t> size_of_file(int fd, std::string_view path);

}  // namespace drkit::base
