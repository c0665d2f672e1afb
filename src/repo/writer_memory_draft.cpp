// The making of a memory: aside, made durable, then renamed over the old one.
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "repo/writer_memory.hpp"

namespace drkit::repo {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kTries = 4;

std::string aside(const MemorySeal& seal) { return seal.path() + ".new"; }

// Whoever had the file before may have renamed it since it was opened.
Result<bool> still_has_name(int fd, const std::string& path) {
  struct stat open {};
  struct stat named {};
  if (::fstat(fd, &open) != 0) return base::errno_error(errno, "cannot look at a file", path);
  if (::stat(path.c_str(), &named) != 0) return false;
  return open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

struct Kept {
  fs::file_time_type written;
  std::uint64_t bytes = 0;
  fs::path path;
};

// Sources that are backed up no more must not fill the disk.
void drop_oldest(const std::string& folder, const std::string& newest) {
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
    if (total <= kMaxMemoriesBytes) return;
    if (::unlink(kept.path.c_str()) == 0) total -= kept.bytes;
  }
}

}  // namespace

std::unique_ptr<MemoryDraft> MemoryDraft::begin(const Context& ctx, const Repository::Impl& impl,
                                                const CheckpointOwner& owner) {
  if (impl.keys.role == KeyRole::full || impl.cache_directory.empty()) return nullptr;
  std::unique_ptr<MemoryDraft> draft(new MemoryDraft(ctx, MemorySeal(impl, owner)));
  const auto taken = draft->take_file();
  if (!taken) draft->give_up(taken.error());
  if (taken && !*taken) {
    ctx.write_log(LogLevel::info, "another backup of this source runs on this machine: that one will be remembered");
  }
  return taken && *taken ? std::move(draft) : nullptr;
}

MemoryDraft::~MemoryDraft() {
  // Given up: half a memory is none. The lock is held, so it is nobody else's.
  if (file_) ::unlink(aside(seal_).c_str());
}

// The lock goes with the process: what a killed one left is taken over, so there are never more than two files.
Result<bool> MemoryDraft::take_file() {
  DRKIT_TRY(base::make_directories(seal_.folder()));
  const std::string path = aside(seal_);
  for (unsigned tried = 0; tried < kTries; ++tried) {
    DRKIT_ASSIGN(base::UniqueFd file, base::open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return false;
      return base::errno_error(errno, "cannot lock a file", path);
    }
    DRKIT_ASSIGN(const bool ours, still_has_name(file.get(), path));
    if (!ours) continue;
    if (::ftruncate(file.get(), 0) != 0) return base::errno_error(errno, "cannot empty a file", path);
    file_ = std::move(file);
    return true;
  }
  return false;
}

void MemoryDraft::keep(const crypto::ChunkId& id, ByteView plain) {
  const std::lock_guard lock(mutex_);
  const auto kept = append(id, plain);
  if (!kept) give_up(kept.error());
}

Result<void> MemoryDraft::append(const crypto::ChunkId& id, ByteView plain) {
  if (!file_ || places_.contains(id)) return {};
  DRKIT_ASSIGN(const Bytes sealed, seal_.seal_chunk(id, plain));
  if (sealed.size() > kMaxMemoryBytes - size_) {
    return Error(ErrorCode::no_space, "it is larger than a machine remembers")
        .with("limit_bytes", std::to_string(kMaxMemoryBytes));
  }
  DRKIT_TRY(base::pwrite_full(file_.get(), sealed, size_, aside(seal_)));
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
  drop_oldest(seal_.folder(), seal_.path());
}

Result<void> MemoryDraft::put_in_place(const RememberedSnapshot& snapshot) {
  const std::string path = aside(seal_);
  DRKIT_ASSIGN(const Bytes directory, seal_.seal_directory(encode_memory_directory(snapshot, places_)));
  DRKIT_TRY(base::pwrite_full(file_.get(), directory, size_, path));
  const Bytes trailer = encode_memory_trailer({size_, static_cast<std::uint32_t>(directory.size())});
  DRKIT_TRY(base::pwrite_full(file_.get(), trailer, size_ + directory.size(), path));
  DRKIT_TRY(base::fsync_file(file_.get(), path));
  // Closed after the rename: the lock keeps others from taking the file for an abandoned one until then.
  DRKIT_TRY(base::rename_replace(AT_FDCWD, path, AT_FDCWD, seal_.path()));
  base::UniqueFd file = std::move(file_);
  DRKIT_TRY(file.close(seal_.path()));
  return base::fsync_directory(seal_.folder());
}

void MemoryDraft::give_up(const Error& why) {
  ctx_.write_log(LogLevel::warning, "this backup is not remembered for the next one: " + why.to_string());
  if (file_) ::unlink(aside(seal_).c_str());
  file_ = {};
  places_ = {};
}

}  // namespace drkit::repo
