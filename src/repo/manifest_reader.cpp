#include "repo/manifest_reader.hpp"

#include <algorithm>

#include <drkit/spi/source.hpp>

namespace drkit::repo {

namespace {

// Seeking trusts what a node says of its children, so every child is held to it.
bool matches(const format::NodeRef* expected, const format::InnerNode& inner) {
  if (expected == nullptr) return true;
  std::uint64_t records = 0;
  for (const format::NodeRef& child : inner.children) records += child.records;
  return inner.children.front().first_path == expected->first_path && records == expected->records;
}

}  // namespace

Result<void> ManifestReader::descend(const Context& ctx, const format::ChunkId& node, unsigned level,
                                     const format::NodeRef* expected) {
  DRKIT_ASSIGN(Bytes bytes, chunks_->read(ctx, format::PackType::meta, node));
  if (level == 0) {
    leaf_ = std::make_unique<Leaf>();
    leaf_->bytes = std::move(bytes);
    leaf_->id = node;
    if (expected != nullptr) leaf_->expected = *expected;
    DRKIT_ASSIGN(leaf_->reader, format::open_leaf(leaf_->bytes));
    return {};
  }
  DRKIT_ASSIGN(format::InnerNode inner, format::decode_inner(bytes));
  if (inner.level != level) return format::corrupt("manifest", "levels of the tree do not count down");
  if (!matches(expected, inner)) return format::corrupt("manifest", "an inner node differs from what leads to it");
  path_.push_back({std::move(inner), 0});
  return {};
}

// Makes leaf_ a leaf with records left; false at the end.
Result<bool> ManifestReader::load_leaf(const Context& ctx) {
  if (!started_) {
    started_ = true;
    DRKIT_TRY(descend(ctx, root_.node, root_.level));
  }
  while (!leaf_ || leaf_->reader.left() == 0) {
    leaf_.reset();
    while (!path_.empty() && path_.back().next == path_.back().node.children.size()) path_.pop_back();
    if (path_.empty()) return false;
    Inner& inner = path_.back();
    // A copy: descending may move the nodes.
    const format::NodeRef child = inner.node.children[inner.next++];
    if (inner.node.level == 1 && knows_ && knows_(child.node)) continue;
    DRKIT_TRY(descend(ctx, child.node, inner.node.level - 1, &child));
    if (leaf_ && leaf_->reader.left() == 0) return format::corrupt("manifest", "an empty leaf below an inner node");
  }
  return true;
}

Result<std::optional<format::Record>> ManifestReader::next(const Context& ctx) {
  if (held_) return std::exchange(held_, std::nullopt);
  DRKIT_TRY(ctx.check_cancelled());
  DRKIT_ASSIGN(const bool more, load_leaf(ctx));
  if (!more) return std::optional<format::Record>();
  auto record = format::decode_record(leaf_->reader, leaf_->previous);
  if (!record) return std::move(record).error();
  leaf_->previous = record->entry.path;
  ++leaf_->records;
  if (const auto& expected = leaf_->expected) {
    const bool first = !leaf_->at_start || record->entry.path == expected->first_path;
    const bool last = leaf_->reader.left() > 0 || leaf_->records == expected->records;
    if (!first || !last) return format::corrupt("manifest", "a leaf differs from what leads to it");
  }
  leaf_->at_start = false;
  if (last_ && !entry_path_less(*last_, record->entry.path)) {
    return format::corrupt("manifest", "records are out of order");
  }
  last_ = record->entry.path;
  return std::optional(std::move(*record));
}

Result<void> ManifestReader::seek(const Context& ctx, const std::string& path) {
  if (!started_) {
    started_ = true;
    DRKIT_TRY(descend(ctx, root_.node, root_.level));
  }
  // Skip children that end before the path: a child ends where its next sibling begins.
  if (!held_ && !leaf_) {
    for (std::size_t depth = 0; depth < path_.size(); ++depth) {
      auto& [node, next] = path_[depth];
      const auto after = std::upper_bound(
          node.children.begin() + static_cast<std::ptrdiff_t>(next), node.children.end(), path,
          [](const std::string& p, const format::NodeRef& c) { return entry_path_less(p, c.first_path); });
      const auto index = static_cast<std::size_t>(after - node.children.begin());
      next = std::max(next, index > 0 ? index - 1 : 0);
      if (depth + 1 == path_.size() && next < node.children.size() && node.level > 1) {
        const format::NodeRef child = node.children[next];
        const unsigned level = node.level - 1;
        ++next;
        DRKIT_TRY(descend(ctx, child.node, level, &child));
      }
    }
  }
  while (true) {
    DRKIT_ASSIGN(std::optional<format::Record> record, next(ctx));
    if (!record) return {};
    if (entry_path_less(record->entry.path, path)) continue;
    held_ = std::move(record);
    return {};
  }
}

Result<std::optional<format::ChunkId>> ManifestReader::at_leaf(const Context& ctx) {
  if (held_) return std::optional<format::ChunkId>();
  DRKIT_ASSIGN(const bool more, load_leaf(ctx));
  if (!more || !leaf_->at_start) return std::optional<format::ChunkId>();
  return std::optional(leaf_->id);
}

Result<void> visit_extents(const Context& ctx, ChunkSource& chunks, const format::Record& record,
                           const ExtentVisitor& visit) {
  std::uint64_t offset = 0;
  const auto visit_list = [&](const std::vector<format::Extent>& extents) -> Result<void> {
    for (const format::Extent& extent : extents) {
      if (extent.gap_bytes > record.entry.size_bytes - offset ||
          extent.length_bytes > record.entry.size_bytes - offset - extent.gap_bytes) {
        return Error(ErrorCode::corrupt, "manifest: extents exceed the file's size").with("path", record.entry.path);
      }
      offset += extent.gap_bytes;
      DRKIT_TRY(visit(offset, extent));
      offset += extent.length_bytes;
    }
    return {};
  };
  DRKIT_TRY(visit_list(record.content.extents));
  for (const format::ExtentNodeRef& ref : record.content.nodes) {
    DRKIT_ASSIGN(const Bytes node, chunks.read(ctx, format::PackType::meta, ref.node));
    DRKIT_ASSIGN(const std::vector<format::Extent> extents, format::decode_extents(node));
    const std::uint64_t begin = offset;
    DRKIT_TRY(visit_list(extents));
    if (extents.size() != ref.extents || offset - begin != ref.bytes) {
      return Error(ErrorCode::corrupt, "manifest: an extent node differs from what leads to it")
          .with("path", record.entry.path);
    }
  }
  return {};
}

}  // namespace drkit::repo
