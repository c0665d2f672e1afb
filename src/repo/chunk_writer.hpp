// ChunkWriter: the straight line in, from a chunk to the storage.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_set>

#include "base/buffer.hpp"
#include "base/ordered_pool.hpp"
#include "codec/codec.hpp"
#include "crypto/chunk_id.hpp"
#include "repo/impl.hpp"
#include "repo/uploader.hpp"

namespace drkit::repo {

/// New chunks are gathered into frames; frames are encoded and sealed by the pool and come back in order; packs are
/// filled with frames and put by the uploader; the index object comes after the packs that it lists.
/// Thread-safety: any thread.
class ChunkWriter {
 public:
  /// `index`: as take_stock answers it; else it is read, and its packs are taken to be there.
  static Result<std::unique_ptr<ChunkWriter>> open(const Context& ctx, std::shared_ptr<Repository::Impl> impl,
                                                   int compression_level, std::shared_ptr<Index> index = nullptr);
  ~ChunkWriter();

  crypto::ChunkId id_of(format::PackType type, const crypto::Digest& sha256) const {
    return crypto::chunk_id(impl_->keys.id_key, static_cast<std::uint8_t>(type), sha256);
  }
  /// Whether the chunk is stored, or will be by this writer.
  Result<bool> contains(format::PackType type, const crypto::ChunkId& id) const;
  /// Stores the chunk unless it is there. Returns whether it was new.
  Result<bool> add(format::PackType type, const crypto::ChunkId& id, ByteView plain,
                   codec::Repeats repeats = codec::Repeats::usual);
  /// Whether a chunk of this size is a frame of its own, so that it need not be copied.
  bool fills_frame(std::size_t plain_bytes) const { return plain_bytes >= impl_->budget.frame_bytes; }
  /// As add, of a chunk for which fills_frame: when it is new, its bytes are taken and `plain` becomes an empty buffer.
  Result<bool> add_frame(format::PackType type, const crypto::ChunkId& id, base::Buffer& plain);
  /// Everything added so far is durable and listed by index objects.
  Result<void> flush();

  const ContentKey& content_key() const { return content_key_; }
  std::uint64_t bytes_stored() const { return uploader_->bytes_stored(); }

 private:
  struct Frame {
    format::PackType type = format::PackType::data;
    base::Buffer plain;
    std::vector<format::ChunkSlot> chunks;
    codec::Repeats repeats = codec::Repeats::usual;  ///< of most of it
  };
  struct SealedFrame {
    format::PackType type = format::PackType::data;
    format::FrameEntry entry;
    base::Buffer bytes;
    Result<void> result;
  };
  /// What every thread of the pool has of its own.
  struct Worker {
    codec::Encoder encoder;
    Bytes scratch;
  };

  ChunkWriter(const Context& ctx, std::shared_ptr<Repository::Impl> impl, std::shared_ptr<Index> index,
              ContentKey content_key, int level);
  Result<bool> knows(format::PackType type, const crypto::ChunkId& id) const;
  Frame& open_frame(format::PackType type);
  Result<void> submit(Frame frame);
  SealedFrame seal(unsigned worker, Frame&& frame);
  Result<void> encode_and_seal(Worker& worker, Frame& frame, SealedFrame& out);
  Result<void> collect(bool all);
  Result<void> append(SealedFrame&& frame);
  Result<void> close_pack(format::PackType type);

  const Context& ctx_;
  std::shared_ptr<Repository::Impl> impl_;
  std::shared_ptr<Index> index_;
  ContentKey content_key_;
  const int level_;
  base::BufferPool buffers_;
  mutable std::mutex mutex_;                                           ///< of everything below
  std::unordered_set<crypto::ChunkId, PackUploader::IdHash> pending_;  // accepted, not yet in the index
  Frame frames_[2];
  OpenPack packs_[2];
  std::vector<Worker> workers_;
  std::unique_ptr<PackUploader> uploader_;
  std::unique_ptr<base::OrderedPool<Frame, SealedFrame>> pool_;
};

}  // namespace drkit::repo
