// ManifestReader: walks the records of a snapshot in path order, in bounded memory.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/manifest.hpp"
#include "repo/chunk_reader.hpp"
#include "repo/manifest_writer.hpp"

namespace drkit::repo {

/// Thread-safety: one thread.
class ManifestReader {
 public:
  ManifestReader(std::shared_ptr<ChunkSource> chunks, const ManifestRoot& root)
      : chunks_(std::move(chunks)), root_(root) {}

  /// The next record, or nothing at the end. Errors: corrupt (also records out of order).
  Result<std::optional<format::Record>> next(const Context& ctx);
  /// The next record will be the first whose path is not less than `path`. Forward only.
  Result<void> seek(const Context& ctx, const std::string& path);

  /// When the next record is the first of a leaf: that leaf's id. Two snapshots that share it share all its records.
  Result<std::optional<format::ChunkId>> at_leaf(const Context& ctx);
  /// Skips the leaf that at_leaf named.
  void skip_leaf() { leaf_.reset(); }
  /// Leaves below an inner node that the predicate knows are passed over without being read.
  using KnowsLeaf = std::function<bool(const format::ChunkId&)>;
  void skip_leaves(KnowsLeaf knows) { knows_ = std::move(knows); }

 private:
  struct Inner {
    format::InnerNode node;
    std::size_t next = 0;
  };
  struct Leaf {
    Bytes bytes;
    base::ByteReader reader{{}};
    std::string previous;
    format::ChunkId id{};
    bool at_start = true;
    std::optional<format::NodeRef> expected;  ///< what the node above says; none for the root
    std::uint64_t records = 0;
  };
  Result<void> descend(const Context& ctx, const format::ChunkId& node, unsigned level,
                       const format::NodeRef* expected = nullptr);
  Result<bool> load_leaf(const Context& ctx);

  std::shared_ptr<ChunkSource> chunks_;
  ManifestRoot root_;
  bool started_ = false;
  KnowsLeaf knows_;
  std::vector<Inner> path_;  ///< open inner nodes, root first
  std::unique_ptr<Leaf> leaf_;
  std::optional<std::string> last_;
  std::optional<format::Record> held_;  ///< found by seek
};

/// Visits the extents of a record with their offsets in the file. Errors: corrupt when they do not fit the size.
using ExtentVisitor = std::function<Result<void>(std::uint64_t file_offset, const format::Extent&)>;
Result<void> visit_extents(const Context& ctx, ChunkSource& chunks, const format::Record& record,
                           const ExtentVisitor& visit);

}  // namespace drkit::repo
