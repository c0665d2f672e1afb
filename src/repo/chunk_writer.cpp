#include "repo/chunk_writer.hpp"

#include <algorithm>

#include "crypto/cipher.hpp"
#include "crypto/random.hpp"
#include "repo/layout.hpp"

namespace drkit::repo {
namespace {

/// Manifest nodes are read singly: their frames are smaller than those of data.
constexpr std::size_t kMetaFrameBytes = std::size_t{128} << 10;
/// Bounds the memory that a pack of very small chunks needs for its directory.
constexpr std::size_t kMaxPackChunks = 20'000;
constexpr std::size_t kMaxFrameChunks = 4'000;

std::size_t slot_of(format::PackType type) { return type == format::PackType::data ? 0 : 1; }

}  // namespace

Result<std::unique_ptr<ChunkWriter>> ChunkWriter::open(const Context& ctx, std::shared_ptr<Repository::Impl> impl,
                                                       int compression_level, std::shared_ptr<Index> index) {
  if (!index) {
    DRKIT_ASSIGN(index, impl->index(ctx, true));
  }
  DRKIT_ASSIGN(ContentKey key, make_content_key(*impl));
  return std::unique_ptr<ChunkWriter>(
      new ChunkWriter(ctx, std::move(impl), std::move(index), std::move(key), compression_level));
}

ChunkWriter::ChunkWriter(const Context& ctx, std::shared_ptr<Repository::Impl> impl, std::shared_ptr<Index> index,
                         ContentKey content_key, int level)
    : ctx_(ctx),
      impl_(std::move(impl)),
      index_(std::move(index)),
      content_key_(std::move(content_key)),
      level_(level),
      buffers_(2 * impl_->budget.frames_in_flight + 2),
      workers_(impl_->budget.threads),
      uploader_(std::make_unique<PackUploader>(ctx, impl_, index_)),
      pool_(std::make_unique<base::OrderedPool<Frame, SealedFrame>>(
          impl_->budget.threads, impl_->budget.frames_in_flight,
          [this](unsigned worker, Frame&& frame) { return seal(worker, std::move(frame)); })) {}

ChunkWriter::~ChunkWriter() = default;

Result<bool> ChunkWriter::contains(format::PackType type, const crypto::ChunkId& id) const {
  const std::lock_guard lock(mutex_);
  return knows(type, id);
}

Result<bool> ChunkWriter::knows(format::PackType type, const crypto::ChunkId& id) const {
  if (pending_.contains(id)) return true;
  return index_->is_stored(type, id);
}

Result<bool> ChunkWriter::add(format::PackType type, const crypto::ChunkId& id, ByteView plain,
                              codec::Repeats repeats) {
  const std::lock_guard lock(mutex_);
  DRKIT_ASSIGN(const bool known, knows(type, id));
  if (known) return false;
  Frame& frame = open_frame(type);
  if (plain.size() >= frame.plain.size()) frame.repeats = repeats;
  frame.plain.append(plain);
  frame.chunks.push_back({id, static_cast<std::uint32_t>(plain.size())});
  pending_.insert(id);
  const std::size_t data_bytes = impl_->budget.frame_bytes;
  const std::size_t full = type == format::PackType::data ? data_bytes : std::min(data_bytes, kMetaFrameBytes);
  if (frame.plain.size() >= full || frame.chunks.size() >= kMaxFrameChunks) DRKIT_TRY(submit(std::exchange(frame, {})));
  return true;
}

Result<bool> ChunkWriter::add_frame(format::PackType type, const crypto::ChunkId& id, base::Buffer& plain) {
  const std::lock_guard lock(mutex_);
  DRKIT_ASSIGN(const bool known, knows(type, id));
  if (known) return false;
  Frame frame;
  frame.type = type;
  frame.chunks.push_back({id, static_cast<std::uint32_t>(plain.size())});
  frame.plain = std::exchange(plain, buffers_.take());
  pending_.insert(id);
  DRKIT_TRY(submit(std::move(frame)));
  return true;
}

ChunkWriter::Frame& ChunkWriter::open_frame(format::PackType type) {
  Frame& frame = frames_[slot_of(type)];
  if (frame.chunks.empty()) {
    frame.type = type;
    if (frame.plain.capacity() == 0) frame.plain = buffers_.take();
  }
  return frame;
}

Result<void> ChunkWriter::submit(Frame frame) {
  while (pool_->full()) DRKIT_TRY(collect(false));
  pool_->push(std::move(frame));
  return collect(false);
}

ChunkWriter::SealedFrame ChunkWriter::seal(unsigned worker, Frame&& frame) {
  SealedFrame out;
  out.type = frame.type;
  out.bytes = buffers_.take();
  out.result = encode_and_seal(workers_[worker], frame, out);
  out.entry.chunks = std::move(frame.chunks);
  buffers_.give(std::move(frame.plain));
  return out;
}

Result<void> ChunkWriter::encode_and_seal(Worker& worker, Frame& frame, SealedFrame& out) {
  DRKIT_ASSIGN(const codec::Encoded encoded,
               worker.encoder.encode(frame.plain.view(), level_, worker.scratch, frame.repeats));
  out.entry.codec = static_cast<std::uint8_t>(encoded.codec);
  out.entry.plain_bytes = static_cast<std::uint32_t>(frame.plain.size());
  out.bytes.resize(encoded.bytes.size() + format::kSealBytes);
  out.entry.sealed_bytes = static_cast<std::uint32_t>(out.bytes.size());
  const auto nonce = out.bytes.writable().first(format::kNonceBytes);
  crypto::system_random().fill(nonce);
  const Bytes associated = format::frame_associated_data(impl_->id, out.entry.codec, out.entry.plain_bytes);
  return crypto::seal(content_key_.key.view(), nonce, associated, encoded.bytes,
                      out.bytes.writable().subspan(format::kNonceBytes));
}

// Takes the frames that are ready; waits for one when the pool is full, for all of them when asked to.
Result<void> ChunkWriter::collect(bool all) {
  while (!pool_->empty()) {
    std::optional<SealedFrame> frame = pool_->pop(all || pool_->full());
    if (!frame) break;
    DRKIT_TRY(append(std::move(*frame)));
  }
  for (const format::ChunkId& id : uploader_->take_listed()) pending_.erase(id);
  return ctx_.check_cancelled();
}

Result<void> ChunkWriter::append(SealedFrame&& frame) {
  DRKIT_TRY(std::move(frame.result));
  OpenPack& pack = packs_[slot_of(frame.type)];
  if (!pack.directory.empty() && pack.bytes.size() + frame.bytes.size() > impl_->budget.pack_bytes) {
    DRKIT_TRY(close_pack(frame.type));
  }
  if (pack.directory.empty()) {
    pack.bytes = uploader_->take_buffer();
    // At once, for growing by copying would hold the pack twice; pages that are not written cost nothing.
    pack.bytes.reserve(impl_->budget.pack_bytes + impl_->budget.pack_bytes / 16);
    pack.bytes.append(format::encode_pack_header({frame.type, impl_->id, content_key_.sealed}));
  }
  pack.bytes.append(frame.bytes.view());
  pack.chunks += frame.entry.chunks.size();
  pack.directory.push_back(std::move(frame.entry));
  buffers_.give(std::move(frame.bytes));
  return pack.chunks >= kMaxPackChunks ? close_pack(frame.type) : Result<void>();
}

Result<void> ChunkWriter::close_pack(format::PackType type) {
  OpenPack pack = std::exchange(packs_[slot_of(type)], {});
  if (pack.directory.empty()) return {};
  base::ByteWriter directory;
  format::encode_directory(directory, pack.directory);
  DRKIT_ASSIGN(const Bytes sealed, seal_shared(*impl_, format::Kind::pack_directory,
                                               pack.bytes.view().first(format::kPackHeaderBytes), directory.view()));
  pack.bytes.append(sealed);
  pack.bytes.append(format::encode_pack_trailer(static_cast<std::uint32_t>(sealed.size())));
  format::PackInfo info;
  info.type = type;
  info.content_key = content_key_.sealed;
  info.directory = std::move(pack.directory);
  return uploader_->put(std::move(info), std::move(pack.bytes));
}

Result<void> ChunkWriter::flush() {
  const std::lock_guard lock(mutex_);
  for (const format::PackType type : {format::PackType::data, format::PackType::meta}) {
    if (!frames_[slot_of(type)].chunks.empty()) DRKIT_TRY(submit(std::exchange(frames_[slot_of(type)], {})));
  }
  DRKIT_TRY(collect(true));
  for (const format::PackType type : {format::PackType::data, format::PackType::meta}) DRKIT_TRY(close_pack(type));
  DRKIT_TRY(uploader_->flush());
  for (const format::ChunkId& id : uploader_->take_listed()) pending_.erase(id);
  return {};
}

}  // namespace drkit::repo
