// ManifestWriter: records in path order to a tree of nodes, stored as chunks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "format/manifest.hpp"
#include "repo/chunk_writer.hpp"

namespace drkit::repo {

class MemoryDraft;

struct ManifestRoot {
  format::ChunkId node{};
  unsigned level = 0;
};

/// Where a node ends depends on the paths alone, so snapshots that share entries share nodes. Memory: one node a level.
class ManifestWriter {
 public:
  /// `draft`: is given every node, too.
  explicit ManifestWriter(ChunkWriter& chunks, MemoryDraft* draft = nullptr) : chunks_(chunks), draft_(draft) {
    format::begin_leaf(leaf_);
  }

  /// REQUIRES: paths come in entry_path_less order, none twice. Errors: internal otherwise; invalid_argument when the
  /// entry breaks a rule of the format, unsupported when it is too large.
  Result<void> add(const format::Record& record);
  Result<ManifestRoot> finish();
  /// A root of everything added so far; more may be added. REQUIRES: something was added.
  Result<ManifestRoot> checkpoint();
  /// Stores one node of extents.
  Result<format::ChunkId> store_extents(const std::vector<format::Extent>& extents);

 private:
  Result<void> append(const format::Record& record);
  Result<format::ChunkId> store(ByteView node);
  Result<void> close_leaf();
  Result<void> push(unsigned level, format::NodeRef child);
  Result<void> close_inner(unsigned level);

  ChunkWriter& chunks_;
  MemoryDraft* draft_;
  base::ByteWriter leaf_;
  std::uint64_t leaf_records_ = 0;
  std::string leaf_first_;
  std::string previous_;  ///< within the leaf
  std::optional<std::string> last_;
  std::vector<std::vector<format::NodeRef>> levels_;  ///< children of the open inner node of level i + 1
};

}  // namespace drkit::repo
