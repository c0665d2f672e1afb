// ChunkReader: the straight line out, from the storage to a verified chunk.
#pragma once

#include <atomic>
#include <compare>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include <drkit/mirror.hpp>

#include "base/buffer.hpp"
#include "codec/codec.hpp"
#include "crypto/chunk_id.hpp"
#include "repo/chunk_source.hpp"
#include "repo/impl.hpp"

namespace drkit::repo {

/// A frame in a pack.
struct FrameRef {
  std::uint32_t pack = 0;
  std::uint32_t offset = 0;
  std::uint32_t sealed_bytes = 0;
  std::uint32_t plain_bytes = 0;
  std::uint32_t codec = 0;
  auto operator<=>(const FrameRef&) const = default;

  static FrameRef of(const Location& l) {
    return {l.pack, l.frame_offset, l.sealed_bytes, l.frame_plain_bytes, l.codec};
  }
};

/// Thread-safety: any thread.
class ChunkReader final : public ChunkSource {
 public:
  static Result<std::shared_ptr<ChunkReader>> open(const Context& ctx, std::shared_ptr<Repository::Impl> impl);

  /// Where a chunk of a file is: of several copies one that was not found bad and has `bytes` bytes, if there is one.
  /// Errors: corrupt when no index lists it.
  Result<Location> locate(const Context& ctx, const crypto::ChunkId& id, std::uint64_t bytes = 0);
  /// Bytes of a pack.
  Result<Bytes> fetch(const Context& ctx, std::uint32_t pack, std::uint64_t offset, std::uint64_t length);
  /// The same again, after what came was bad. A mirror looks for the copies on which the whole pack is right; elsewhere
  /// the whole pack is read, if it is not too large for the memory given: its name proves it. Either is tried once for
  /// each pack. Errors: `why`; cancelled.
  Result<Bytes> fetch_again(const Context& ctx, std::uint32_t pack, std::uint64_t offset, std::uint64_t length,
                            const Error& why);
  /// Opens and decodes a frame from its sealed bytes. Errors: corrupt, naming the object.
  Result<void> open_frame(const FrameRef& frame, ByteView sealed, base::Buffer& plain);
  /// Whether the bytes are the chunk, of the pack's type. Errors: corrupt, naming the object.
  Result<void> verify(const crypto::ChunkId& id, ByteView bytes, std::uint32_t pack) const;

  /// One chunk, whole and verified, from any good copy; a bad one is logged. For manifests and single files: keeps the
  /// last frames. Errors: that of the first copy when none is good.
  Result<Bytes> read(const Context& ctx, format::PackType type, const crypto::ChunkId& id) override;
  /// A chunk of a file that is bad in the frame: of the whole pack, or of another one. Errors: `why` when there is no
  /// good one.
  Result<Bytes> read_elsewhere(const Context& ctx, const crypto::ChunkId& id, const FrameRef& bad, const Error& why);

  const Index& index() const { return *index_; }
  std::string pack_name(std::uint32_t pack) const;
  std::uint64_t bytes_fetched() const { return bytes_fetched_.load(std::memory_order_relaxed); }

 private:
  ChunkReader(std::shared_ptr<Repository::Impl> impl, std::shared_ptr<Index> index)
      : impl_(std::move(impl)), index_(std::move(index)) {}
  Result<std::shared_ptr<const Secret>> content_key(const format::SealedContentKey& sealed);
  using Frame = std::shared_ptr<const base::Buffer>;
  Frame kept_frame(const FrameRef& frame);
  Result<Frame> open_and_keep(const FrameRef& frame, ByteView sealed);
  Result<Bytes> cut(const crypto::ChunkId& id, const Location& copy, const base::Buffer& frame) const;
  Result<Bytes> read_again(const Context& ctx, const crypto::ChunkId& id, const Location& copy, const Error& why);
  Result<void> examine(const Context& ctx, MirrorControl& mirror, std::uint32_t pack, const Error& why);
  void give_up(std::uint32_t pack);
  Result<void> load_whole(const Context& ctx, std::uint32_t pack, const Error& why);
  Result<std::vector<Location>> copies_of(const Context& ctx, format::PackType type, const crypto::ChunkId& id);
  Result<void> look_beyond_the_index(const Context& ctx);
  Result<Bytes> read_copy(const Context& ctx, const crypto::ChunkId& id, const Location& copy);
  void pass_over(const Context& ctx, const FrameRef& bad, const Error& why);

  std::shared_ptr<Repository::Impl> impl_;
  std::shared_ptr<Index> index_;
  std::atomic<std::uint64_t> bytes_fetched_{0};
  mutable std::mutex mutex_;
  std::map<std::array<std::byte, format::kSealedKeyBytes>, std::shared_ptr<const Secret>> keys_;
  std::list<std::pair<FrameRef, Frame>> frames_;  // newest first
  std::set<FrameRef> bad_frames_;                 ///< tried last
  std::set<std::uint32_t> warned_packs_;          ///< one line for each is enough
  base::Turn looking_;                            ///< of the following
  bool looked_beyond_ = false;
  std::mutex whole_mutex_;  ///< of the following
  Bytes whole_;             ///< a pack, of which parts were bad
  std::uint32_t whole_pack_ = 0;
  std::set<std::uint32_t> examined_packs_;
  std::set<std::uint32_t> hopeless_packs_;
};

}  // namespace drkit::repo
