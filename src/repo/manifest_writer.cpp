#include "repo/manifest_writer.hpp"

#include <drkit/spi/source.hpp>

#include "crypto/sha256.hpp"
#include "repo/writer_memory.hpp"

namespace drkit::repo {
namespace {

// A leaf ends after a path whose hash has its low bits zero, once it is big enough: about 32 KiB on average.
constexpr std::size_t kLeafMin = std::size_t{12} << 10;
constexpr std::size_t kLeafMax = std::size_t{256} << 10;
constexpr std::uint64_t kLeafMask = 127;
constexpr std::size_t kInnerMin = 64;
constexpr std::size_t kInnerMax = 1024;
constexpr std::uint64_t kInnerMask = 127;

/// FNV-1a with a final mix (Fowler, Noll, Vo; finaliser of MurmurHash3).
std::uint64_t hash_of(std::string_view path) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  return hash ^ hash >> 33;
}

}  // namespace

Result<void> ManifestWriter::add(const format::Record& record) {
  const std::string& path = record.entry.path;
  if (last_ && !entry_path_less(*last_, path)) {
    return Error(ErrorCode::internal, "entries of a snapshot are out of order or named twice").with("path", path);
  }
  last_ = path;
  if (leaf_records_ == 0) leaf_first_ = path;
  DRKIT_TRY(append(record));
  previous_ = path;
  ++leaf_records_;
  const bool boundary = leaf_.size() >= kLeafMin && (hash_of(path) & kLeafMask) == 0;
  return boundary || leaf_.size() >= kLeafMax ? close_leaf() : Result<void>();
}

// Decoded before it is kept: an entry that a reader would refuse must not reach the storage.
Result<void> ManifestWriter::append(const format::Record& record) {
  const std::size_t begin = leaf_.size();
  format::encode_record(leaf_, record, previous_);
  base::ByteReader written(leaf_.view().subspan(begin));
  const auto decoded = format::decode_record(written, previous_);
  const bool same = decoded && decoded->entry.path == record.entry.path && decoded->content == record.content;
  if (same) return {};
  return Error(ErrorCode::invalid_argument, "source gave an entry that a snapshot cannot hold")
      .with("path", record.entry.path);
}

Result<format::ChunkId> ManifestWriter::store(ByteView node) {
  if (node.size() > format::kMaxNodeBytes) {
    return Error(ErrorCode::unsupported, "attributes or extents of an entry are too many to be kept");
  }
  const format::ChunkId id = chunks_.id_of(format::PackType::meta, crypto::sha256(node));
  DRKIT_TRY(chunks_.add(format::PackType::meta, id, node));
  if (draft_ != nullptr) draft_->keep(id, node);
  return id;
}

Result<format::ChunkId> ManifestWriter::store_extents(const std::vector<format::Extent>& extents) {
  return store(format::encode_extents(extents));
}

Result<void> ManifestWriter::close_leaf() {
  DRKIT_ASSIGN(const format::ChunkId id, store(leaf_.view()));
  format::NodeRef ref{id, leaf_records_, leaf_first_};
  leaf_.clear();
  format::begin_leaf(leaf_);
  leaf_records_ = 0;
  previous_.clear();
  return push(0, std::move(ref));
}

Result<void> ManifestWriter::push(unsigned level, format::NodeRef child) {
  if (levels_.size() <= level) levels_.resize(level + 1);
  const bool boundary = (hash_of(child.first_path + "#") & kInnerMask) == 0;
  levels_[level].push_back(std::move(child));
  const std::size_t size = levels_[level].size();
  return (size >= kInnerMin && boundary) || size >= kInnerMax ? close_inner(level) : Result<void>();
}

Result<void> ManifestWriter::close_inner(unsigned level) {
  std::vector<format::NodeRef> children = std::exchange(levels_[level], {});
  format::NodeRef ref;
  DRKIT_ASSIGN(ref.node, store(format::encode_inner(level + 1, children)));
  for (const format::NodeRef& child : children) ref.records += child.records;
  ref.first_path = children.front().first_path;
  return push(level + 1, std::move(ref));
}

Result<ManifestRoot> ManifestWriter::finish() {
  if (leaf_records_ > 0 || levels_.empty()) DRKIT_TRY(close_leaf());
  for (unsigned level = 0; level < levels_.size(); ++level) {
    const bool top = level + 1 == levels_.size();
    if (top && levels_[level].size() == 1) return ManifestRoot{levels_[level].front().node, level};
    if (!levels_[level].empty()) DRKIT_TRY(close_inner(level));
  }
  return Error(ErrorCode::internal, "manifest has no root");
}

Result<ManifestRoot> ManifestWriter::checkpoint() {
  if (leaf_records_ > 0) DRKIT_TRY(close_leaf());
  // The open inner nodes are closed in a copy; the real ones go on growing.
  const std::vector<std::vector<format::NodeRef>> open = levels_;
  auto root = finish();
  levels_ = open;
  return root;
}

}  // namespace drkit::repo
