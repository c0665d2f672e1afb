#include "repo/index.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

namespace drkit::repo {

std::uint32_t Index::intern_key(const format::SealedContentKey& key) {
  // Packs of one session share their key and come together.
  for (std::size_t i = content_keys_.size(); i > 0 && i + 64 > content_keys_.size(); --i) {
    if (content_keys_[i - 1] == key) return static_cast<std::uint32_t>(i - 1);
  }
  content_keys_.push_back(key);
  return static_cast<std::uint32_t>(content_keys_.size() - 1);
}

namespace {

static_assert(format::kMaxPackBytes <= std::uint32_t(-1));

std::size_t hash_of(const format::Digest& name) {
  std::size_t value;
  std::memcpy(&value, name.data(), sizeof value);
  return value;
}

}  // namespace

std::optional<std::uint32_t> Index::number_in_table(const format::Digest& name) const {
  if (table_.empty()) return std::nullopt;
  const std::size_t mask = table_.size() - 1;
  for (std::size_t i = hash_of(name) & mask; table_[i] != 0; i = (i + 1) & mask) {
    if (packs_[table_[i] - 1].name == name) return table_[i] - 1;
  }
  return std::nullopt;
}

void Index::enter_in_table(std::uint32_t number) {
  const auto place = [this](std::uint32_t entry) {
    const std::size_t mask = table_.size() - 1;
    std::size_t i = hash_of(packs_[entry - 1].name) & mask;
    while (table_[i] != 0) i = (i + 1) & mask;
    table_[i] = entry;
  };
  if (++entered_ * 2 > table_.size()) {
    const std::vector<std::uint32_t> before = std::exchange(table_, {});
    table_.resize(std::max<std::size_t>(64, before.size() * 2), 0);
    for (const std::uint32_t entry : before) {
      if (entry != 0) place(entry);
    }
  }
  place(number + 1);
}

Result<void> Index::add(const format::PackInfo& pack, bool listed) {
  const std::unique_lock lock(mutex_);
  if (const auto known = number_in_table(pack.name)) {
    PackRow& row = packs_[*known];
    // Condemned by one index object is condemned, in whatever order they come.
    row.condemned = row.condemned || pack.condemned;
    row.listed = row.listed || listed;
    return {};
  }
  const auto number = static_cast<std::uint32_t>(packs_.size());
  packs_.push_back({pack.name, static_cast<std::uint32_t>(pack.size_bytes), intern_key(pack.content_key), pack.type,
                    pack.condemned, true, listed});
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
  enter_in_table(number);
  return {};
}

bool Index::countable(const Location& location, format::PackType type) const {
  const PackRow& pack = packs_[location.pack];
  return complete_ && pack.type == type && pack.present && pack.listed && !pack.condemned;
}

Result<std::vector<Location>> Index::find(format::PackType type, const format::ChunkId& id) const {
  const std::shared_lock lock(mutex_);
  DRKIT_ASSIGN(std::vector<Location> found, runs_.find_all(id, kMaxCopies));
  std::erase_if(found, [&](const Location& location) { return packs_[location.pack].type != type; });
  std::stable_partition(found.begin(), found.end(), [&](const Location& l) { return countable(l, type); });
  return found;
}

Result<bool> Index::is_stored(format::PackType type, const format::ChunkId& id) const {
  const std::shared_lock lock(mutex_);
  DRKIT_ASSIGN(const std::optional<Location> first, runs_.find(id));
  if (!first || countable(*first, type)) return first.has_value();
  DRKIT_ASSIGN(const std::vector<Location> all, runs_.find_all(id, kMaxCopies));
  return std::any_of(all.begin(), all.end(), [&](const Location& location) { return countable(location, type); });
}

void Index::set_complete(bool complete) {
  const std::unique_lock lock(mutex_);
  complete_ = complete;
}

bool Index::is_complete() const {
  const std::shared_lock lock(mutex_);
  return complete_;
}

void Index::set_present(std::uint32_t number, bool present) {
  const std::unique_lock lock(mutex_);
  if (number < packs_.size()) packs_[number].present = present;
}

std::optional<std::uint32_t> Index::number_of(const format::Digest& name) const {
  const std::shared_lock lock(mutex_);
  const auto number = number_in_table(name);
  return number && packs_[*number].listed ? number : std::nullopt;
}

PackRef Index::ref_of(const PackRow& row) const {
  return {row.name, row.type, row.size_bytes, content_keys_[row.key], row.condemned, row.listed};
}

Result<PackRef> Index::pack(std::uint32_t number) const {
  const std::shared_lock lock(mutex_);
  if (number >= packs_.size()) return Error(ErrorCode::internal, "index names a pack that it does not know");
  return ref_of(packs_[number]);
}

bool Index::knows_pack(const format::Digest& name) const {
  const std::shared_lock lock(mutex_);
  return number_in_table(name).has_value();
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
