// Manifest nodes: the tree of a snapshot's entries. Pure bytes <-> values; trees are walked by src/repo.
#pragma once

#include <string>
#include <vector>

#include <drkit/entry.hpp>

#include "base/byte_io.hpp"
#include "format/common.hpp"

namespace drkit::format {

/// A piece of a file: `length_bytes` of a chunk from `chunk_offset`, after `gap_bytes` of hole.
struct Extent {
  ChunkId chunk{};
  std::uint64_t gap_bytes = 0;
  std::uint32_t chunk_offset = 0;
  std::uint32_t length_bytes = 0;
  bool operator==(const Extent&) const = default;
};

/// A node that holds extents, for files with many.
struct ExtentNodeRef {
  ChunkId node{};
  std::uint64_t extents = 0;
  std::uint64_t bytes = 0;  ///< of the file that it covers, holes included
  bool operator==(const ExtentNodeRef&) const = default;
};

/// Either extents, or nodes of extents. A hole at the end is what size_bytes leaves over.
struct Content {
  std::vector<Extent> extents;
  std::vector<ExtentNodeRef> nodes;
  bool operator==(const Content&) const = default;
};

struct Record {
  Entry entry;
  Content content;
  bool operator==(const Record&) const = default;
};

/// A node is a chunk, and so a part of a frame.
inline constexpr std::size_t kMaxNodeBytes = std::size_t{32} << 20;

/// Child of an inner node.
struct NodeRef {
  ChunkId node{};
  std::uint64_t records = 0;
  std::string first_path;
};

enum class NodeType : std::uint8_t { leaf = 1, inner = 2, extents = 3 };

/// Appends one record to a leaf; `previous_path` is the path of the record before it in the same leaf ("" at first).
void encode_record(base::ByteWriter& out, const Record& record, std::string_view previous_path);
/// Reads one record. Errors: corrupt, also for paths that are not relative and clean.
Result<Record> decode_record(base::ByteReader& in, std::string_view previous_path);

/// First bytes of a leaf.
void begin_leaf(base::ByteWriter& out);
Bytes encode_inner(unsigned level, const std::vector<NodeRef>& children);
Bytes encode_extents(const std::vector<Extent>& extents);

struct InnerNode {
  unsigned level = 1;
  std::vector<NodeRef> children;
};
/// A reader at the first record of a leaf.
Result<base::ByteReader> open_leaf(ByteView node);
Result<InnerNode> decode_inner(ByteView node);
Result<std::vector<Extent>> decode_extents(ByteView node);

/// Relative, no empty, "." or ".." part, no NUL; "" is the root.
bool clean_path(std::string_view path);

}  // namespace drkit::format
