#include "repo/index.hpp"

#include <mutex>

namespace drkit::repo {

std::uint32_t Index::intern_key(const format::SealedContentKey& key) {
  // Packs of one session share their key and come together.
  for (std::size_t i = content_keys_.size(); i > 0 && i + 64 > content_keys_.size(); --i) {
    if (content_keys_[i - 1] == key) return static_cast<std::uint32_t>(i - 1);
  }
  content_keys_.push_back(key);
  return static_cast<std::uint32_t>(content_keys_.size() - 1);
}

Result<void> Index::add(const format::PackInfo& pack) {
  const std::unique_lock lock(mutex_);
  if (pack_numbers_.contains(pack.name)) return {};
  const auto number = static_cast<std::uint32_t>(packs_.size());
  packs_.push_back({pack.name, pack.size_bytes, intern_key(pack.content_key), pack.type});
  std::uint32_t frame_offset = format::kPackHeaderBytes;
  for (const format::FrameEntry& frame : pack.directory) {
    std::uint32_t chunk_offset = 0;
    for (const format::ChunkSlot& chunk : frame.chunks) {
      DRKIT_TRY(runs_.add({chunk.id,
                           {number, frame_offset, frame.sealed_bytes, chunk_offset, chunk.plain_bytes,
                            frame.plain_bytes, frame.codec}}));
      chunk_offset += chunk.plain_bytes;
      ++chunks_;
    }
    frame_offset += frame.sealed_bytes;
  }
  // Last: after a failure in between the pack may be added again, under a new number, and nothing of it is missing.
  pack_numbers_.emplace(pack.name, number);
  return {};
}

Result<std::optional<Location>> Index::find(const format::ChunkId& id) const {
  const std::shared_lock lock(mutex_);
  return runs_.find(id);
}

PackRef Index::ref_of(const PackRow& row) const { return {row.name, row.type, row.size_bytes, content_keys_[row.key]}; }

Result<PackRef> Index::pack(std::uint32_t number) const {
  const std::shared_lock lock(mutex_);
  if (number >= packs_.size()) return Error(ErrorCode::internal, "index names a pack that it does not know");
  return ref_of(packs_[number]);
}

bool Index::knows_pack(const format::Digest& name) const {
  const std::shared_lock lock(mutex_);
  return pack_numbers_.contains(name);
}

std::uint64_t Index::pack_count() const {
  const std::shared_lock lock(mutex_);
  return packs_.size();
}

std::uint64_t Index::chunk_count() const {
  const std::shared_lock lock(mutex_);
  return chunks_;
}

std::vector<PackRef> Index::packs() const {
  const std::shared_lock lock(mutex_);
  std::vector<PackRef> all;
  all.reserve(packs_.size());
  for (const PackRow& row : packs_) all.push_back(ref_of(row));
  return all;
}

}  // namespace drkit::repo
