// GrowingFile: an object that grows in place.
#pragma once

#include <limits>
#include <string>

#include <drkit/spi/storage.hpp>

#include "base/append_file.hpp"

namespace drkit::storage::local {

class GrowingFile final : public GrowingObject {
 public:
  /// `fd`: a new file, open for writing.
  GrowingFile(base::UniqueFd fd, std::string path, std::string_view key)
      : key_(key), file_(std::move(fd), std::move(path), std::numeric_limits<std::uint64_t>::max()) {}

  Result<void> append(const Context& ctx, ByteView bytes) override;

 private:
  const std::string key_;
  base::AppendFile file_;
  bool failed_ = false;
};

}  // namespace drkit::storage::local
