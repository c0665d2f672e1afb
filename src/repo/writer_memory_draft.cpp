// The making of a memory: aside, made durable, then renamed over the old one.
#include <algorithm>
#include <filesystem>

#include "repo/writer_memory.hpp"

namespace drkit::repo {
namespace {

namespace fs = std::filesystem;

struct Kept {
  fs::file_time_type written;
  std::uint64_t bytes = 0;
  fs::path path;
};

}  // namespace

// Sources that are backed up no more must not fill the disk.
void drop_oldest_memories(const std::string& folder, const std::string& newest, std::uint64_t max_bytes) {
  std::vector<Kept> all;
  std::uint64_t total = 0;
  std::error_code failed;
  fs::directory_iterator at(folder, failed);
  while (!failed && at != fs::directory_iterator()) {
    std::error_code gone;
    const Kept kept{at->last_write_time(gone), at->file_size(gone), at->path()};
    if (!gone) {
      total += kept.bytes;
      if (kept.path != newest) all.push_back(kept);
    }
    at.increment(failed);
  }
  std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) { return a.written < b.written; });
  for (const Kept& kept : all) {
    if (total <= max_bytes) return;
    if (fs::remove(kept.path, failed)) total -= kept.bytes;
  }
}

std::unique_ptr<MemoryDraft> MemoryDraft::begin(const Context& ctx, const Repository::Impl& impl,
                                                const CheckpointOwner& owner, std::uint64_t max_bytes) {
  if (impl.keys.role == KeyRole::full || impl.cache_directory.empty()) return nullptr;
  std::unique_ptr<MemoryDraft> draft(new MemoryDraft(ctx, MemorySeal(impl, owner), max_bytes));
  const auto taken = draft->take_file();
  if (!taken) draft->give_up(taken.error());
  if (taken && !draft->file_) {
    ctx.write_log(LogLevel::info, "another backup of this source runs on this machine: that one will be remembered");
  }
  return draft->file_ ? std::move(draft) : nullptr;
}

Result<void> MemoryDraft::take_file() {
  DRKIT_TRY(base::make_directories(seal_.folder()));
  DRKIT_ASSIGN(std::optional<base::DraftFile> file, base::DraftFile::open(seal_.path()));
  if (file) file_.emplace(std::move(*file));
  return {};
}

void MemoryDraft::keep(const crypto::ChunkId& id, ByteView plain) {
  const std::lock_guard lock(mutex_);
  const auto kept = append(id, plain);
  if (!kept) give_up(kept.error());
}

Result<void> MemoryDraft::append(const crypto::ChunkId& id, ByteView plain) {
  if (!file_ || places_.contains(id)) return {};
  DRKIT_ASSIGN(const Bytes sealed, seal_.seal_chunk(id, plain, encoder_));
  if (sealed.size() > max_bytes_ - size_) {
    return Error(ErrorCode::no_space, "it is larger than a machine remembers")
        .with("limit_bytes", std::to_string(max_bytes_));
  }
  DRKIT_TRY(file_->write_at(size_, sealed));
  places_[id] = {size_, static_cast<std::uint32_t>(sealed.size())};
  size_ += sealed.size();
  return {};
}

void MemoryDraft::carry(WriterMemory& earlier, const format::Record& record, bool with_content) {
  const std::lock_guard lock(mutex_);
  Result<void> carried;
  for (const format::ExtentNodeRef& ref : record.content.nodes) {
    if (carried) carried = carry_one(earlier, format::PackType::meta, ref.node);
  }
  for (const format::Extent& extent : record.content.extents) {
    if (carried && with_content) carried = carry_one(earlier, format::PackType::data, extent.chunk);
  }
  if (!carried) give_up(carried.error());
}

Result<void> MemoryDraft::carry_one(WriterMemory& earlier, format::PackType type, const crypto::ChunkId& id) {
  if (!file_ || places_.contains(id)) return {};
  DRKIT_ASSIGN(const Bytes plain, earlier.read(ctx_, type, id));
  return append(id, plain);
}

void MemoryDraft::finish(const RememberedSnapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  if (!file_) return;
  const auto placed = put_in_place(snapshot);
  if (!placed) return give_up(placed.error());
  file_.reset();
  drop_oldest_memories(seal_.folder(), seal_.path(), kMaxMemoriesBytes);
}

Result<void> MemoryDraft::put_in_place(const RememberedSnapshot& snapshot) {
  DRKIT_ASSIGN(const Bytes directory, seal_.seal_directory(encode_memory_directory(snapshot, places_)));
  DRKIT_TRY(file_->write_at(size_, directory));
  const Bytes trailer = encode_memory_trailer({size_, static_cast<std::uint32_t>(directory.size())});
  DRKIT_TRY(file_->write_at(size_ + directory.size(), trailer));
  return file_->replace();
}

void MemoryDraft::give_up(const Error& why) {
  ctx_.write_log(LogLevel::warning, "this backup is not remembered for the next one: " + why.to_string());
  file_.reset();
  places_ = {};
}

}  // namespace drkit::repo
