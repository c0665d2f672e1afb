// ExtentList: the extents of one file in the making, in bounded memory.
#pragma once

#include <utility>

#include "format/manifest.hpp"
#include "repo/manifest_writer.hpp"

namespace drkit::engine {

/// Long lists become nodes, so that a file of any size takes bounded memory. Thread-safety: one thread.
class ExtentList {
 public:
  explicit ExtentList(repo::ManifestWriter& manifest) : manifest_(manifest) {}

  void clear() {
    content_ = {};
    gap_ = 0;
  }
  void add_gap(std::uint64_t bytes) { gap_ += bytes; }
  /// What continues the last extent in the same chunk lengthens it.
  Result<void> add(const format::ChunkId& chunk, std::uint32_t offset, std::uint32_t length);
  Result<format::Content> finish();

 private:
  Result<void> spill();

  repo::ManifestWriter& manifest_;
  format::Content content_;
  std::uint64_t gap_ = 0;
};

}  // namespace drkit::engine
