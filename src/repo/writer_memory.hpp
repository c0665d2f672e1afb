// What a writer remembers of its last snapshot: it cannot read back what it stores. See docs/decisions/0032.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/draft_file.hpp"
#include "codec/codec.hpp"
#include "repo/checkpoints.hpp"
#include "repo/chunk_source.hpp"

namespace drkit::repo {

/// No memory of one source is larger: at 40 bytes an extent about 25 TB of pieces of 1 MiB.
inline constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{1} << 30;
/// And those of all sources of one repository: the oldest go first.
inline constexpr std::uint64_t kMaxMemoriesBytes = std::uint64_t{4} << 30;

/// What its snapshot object would tell a full key, and by what the object is known.
struct RememberedSnapshot {
  std::string id;
  format::Digest object_digest{};
  ManifestRoot manifest;
  std::map<std::string, std::string> receipt;
  std::vector<Problem> problems;
};

/// Where a chunk lies in the file.
struct MemoryPlace {
  std::uint64_t offset = 0;
  std::uint32_t sealed_bytes = 0;
};
struct ChunkIdHash {
  std::size_t operator()(const crypto::ChunkId& id) const;
};
using MemoryPlaces = std::unordered_map<crypto::ChunkId, MemoryPlace, ChunkIdHash>;

/// How a memory is sealed: for a repository and for a source of it.
class MemorySeal {
 public:
  MemorySeal(const Repository::Impl& impl, const CheckpointOwner& owner);
  /// The file; its name says nothing to who has no key.
  std::string path() const { return folder_ + "/" + name_; }
  const std::string& folder() const { return folder_; }
  Result<Bytes> seal_chunk(const crypto::ChunkId& id, ByteView plain, codec::Encoder& encoder) const;
  /// Errors: corrupt, also when it is not the chunk of this id.
  Result<Bytes> open_chunk(format::PackType type, const crypto::ChunkId& id, ByteView sealed) const;
  Result<Bytes> seal_directory(ByteView plain) const;
  Result<Bytes> open_directory(ByteView sealed) const;

 private:
  Bytes associated(std::string_view part, ByteView identity) const;
  Secret key_;
  Secret id_key_;
  format::RepositoryId repository_;
  std::string name_;
  std::string folder_;
};

/// The memory of the last snapshot that this machine committed of a source. Thread-safety: any thread.
class WriterMemory final : public ChunkSource {
 public:
  /// Null for full keys, without a cache directory, and when there is none or a damaged one, which is logged.
  static std::shared_ptr<WriterMemory> open(const Context& ctx, const Repository::Impl& impl,
                                            const CheckpointOwner& owner);
  const RememberedSnapshot& snapshot() const { return snapshot_; }
  /// Errors: corrupt (not remembered, damaged), io.
  Result<Bytes> read(const Context& ctx, format::PackType type, const crypto::ChunkId& id) override;

 private:
  explicit WriterMemory(MemorySeal seal) : seal_(std::move(seal)) {}
  static Result<std::shared_ptr<WriterMemory>> load(MemorySeal seal);
  Result<void> read_directory();

  MemorySeal seal_;
  base::UniqueFd file_;
  RememberedSnapshot snapshot_;
  MemoryPlaces places_;
};

/// The next memory in the making, beside the one that is valid until finish. It is no part of the backup: what fails
/// is logged, and the old memory stays. Thread-safety: any thread; finish is the last call.
class MemoryDraft {
 public:
  /// Null for full keys, without a cache directory, and while another backup of the source has one.
  static std::unique_ptr<MemoryDraft> begin(const Context& ctx, const Repository::Impl& impl,
                                            const CheckpointOwner& owner, std::uint64_t max_bytes = kMaxMemoryBytes);

  void keep(const crypto::ChunkId& id, ByteView plain);
  /// Takes over what `earlier` remembers of a record that is taken over whole.
  void carry(WriterMemory& earlier, const format::Record& record, bool with_content);
  /// REQUIRES: the snapshot is committed. From here on it is what this machine remembers.
  void finish(const RememberedSnapshot& snapshot);

 private:
  MemoryDraft(const Context& ctx, MemorySeal seal, std::uint64_t max_bytes)
      : ctx_(ctx), seal_(std::move(seal)), max_bytes_(max_bytes) {}
  Result<void> take_file();
  Result<void> append(const crypto::ChunkId& id, ByteView plain);
  Result<void> carry_one(WriterMemory& earlier, format::PackType type, const crypto::ChunkId& id);
  Result<void> put_in_place(const RememberedSnapshot& snapshot);
  void give_up(const Error& why);

  const Context& ctx_;
  MemorySeal seal_;
  const std::uint64_t max_bytes_;
  std::mutex mutex_;  ///< of the following
  std::optional<base::DraftFile> file_;
  codec::Encoder encoder_;
  std::uint64_t size_ = 0;
  MemoryPlaces places_;
};

/// Removes the oldest memories but `newest` until all of the folder have no more than `max_bytes`.
void drop_oldest_memories(const std::string& folder, const std::string& newest, std::uint64_t max_bytes);

/// Bytes of the directory.
Bytes encode_memory_directory(const RememberedSnapshot& snapshot, const MemoryPlaces& places);
Result<void> decode_memory_directory(ByteView plain, RememberedSnapshot& snapshot, MemoryPlaces& places);

/// The directory's place, after which the file ends.
struct MemoryTrailer {
  static constexpr std::size_t kBytes = 20;
  std::uint64_t offset = 0;
  std::uint32_t sealed_bytes = 0;
};
Bytes encode_memory_trailer(const MemoryTrailer& trailer);
Result<MemoryTrailer> decode_memory_trailer(ByteView bytes);

}  // namespace drkit::repo
