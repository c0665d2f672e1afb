#include "repo/chunk_reader.hpp"

#include <algorithm>
#include <optional>

#include "crypto/cipher.hpp"
#include "crypto/sha256.hpp"
#include "repo/layout.hpp"

namespace drkit::repo {
namespace {

constexpr std::size_t kCachedFrames = 6;

constexpr std::size_t kRememberedBad = 4096;

// What is wrong with one copy says nothing of the others.
bool another_may_be_good(const Error& error) {
  return error.code() == ErrorCode::corrupt || error.code() == ErrorCode::io;
}

Error name_pack(Error error, const std::string& key) { return std::move(error).with("key", key); }

}  // namespace

Result<std::shared_ptr<ChunkReader>> ChunkReader::open(const Context& ctx, std::shared_ptr<Repository::Impl> impl) {
  DRKIT_ASSIGN(std::shared_ptr<Index> index, impl->index(ctx, true));
  DRKIT_TRY(impl->add_unlisted_packs(ctx, *index));
  return std::shared_ptr<ChunkReader>(new ChunkReader(std::move(impl), std::move(index)));
}

// Copies that were found bad come last, those that a prune is about to remove before them.
Result<std::vector<Location>> ChunkReader::copies_of(const Context& ctx, format::PackType type,
                                                     const crypto::ChunkId& id) {
  DRKIT_ASSIGN(std::vector<Location> copies, index_->find(type, id));
  if (copies.empty()) {
    DRKIT_TRY(look_beyond_the_index(ctx));
    DRKIT_ASSIGN(copies, index_->find(type, id));
  }
  if (copies.empty()) {
    return Error(ErrorCode::corrupt, "chunk is missing: no index object lists it").with("chunk", base::to_hex(id));
  }
  if (copies.size() == 1) return copies;
  const std::lock_guard lock(mutex_);
  std::stable_partition(copies.begin(), copies.end(),
                        [&](const Location& copy) { return !bad_frames_.contains(FrameRef::of(copy)); });
  return copies;
}

// Index objects may be lost, too: what packs there are say themselves what they hold.
Result<void> ChunkReader::look_beyond_the_index(const Context& ctx) {
  DRKIT_ASSIGN(const base::Turn::Held turn, looking_.take(ctx));
  if (looked_beyond_) return {};
  ctx.write_log(LogLevel::warning, "a chunk is in no index object: packs that none lists are read");
  DRKIT_TRY(impl_->add_unlisted_packs(ctx, *index_, true));
  looked_beyond_ = true;
  return {};
}

Result<Location> ChunkReader::locate(const Context& ctx, const crypto::ChunkId& id, std::uint64_t bytes) {
  DRKIT_ASSIGN(const std::vector<Location> copies, copies_of(ctx, format::PackType::data, id));
  // An index object may lie about lengths as about anything else.
  const auto long_enough =
      std::find_if(copies.begin(), copies.end(), [&](const Location& copy) { return copy.plain_bytes >= bytes; });
  return long_enough == copies.end() ? copies.front() : *long_enough;
}

std::string ChunkReader::pack_name(std::uint32_t pack) const {
  const auto ref = index_->pack(pack);
  return ref ? pack_key(ref->type, ref->name) : "unknown pack";
}

Result<Bytes> ChunkReader::fetch(const Context& ctx, std::uint32_t pack, std::uint64_t offset, std::uint64_t length) {
  const std::string key = pack_name(pack);
  auto bytes = impl_->storage->get(ctx, key, {offset, length});
  if (!bytes) {
    if (bytes.error().code() != ErrorCode::not_found && bytes.error().code() != ErrorCode::invalid_argument)
      return bytes;
    return name_pack(Error(ErrorCode::corrupt, "a pack is missing or shorter than its index says"), key);
  }
  if (bytes->size() != length) return name_pack(format::corrupt("pack", "is shorter than its index says"), key);
  bytes_fetched_ += length;
  return bytes;
}

Result<Bytes> ChunkReader::fetch_again(const Context& ctx, std::uint32_t pack, std::uint64_t offset,
                                       std::uint64_t length, const Error& why) {
  if (!another_may_be_good(why)) return why;
  const auto mirror = mirror_control(impl_->storage);
  std::unique_lock lock(whole_mutex_);
  if (hopeless_packs_.contains(pack)) return why;
  if (mirror != nullptr) {
    DRKIT_TRY(examine(ctx, *mirror, pack, why));
    lock.unlock();
    return fetch(ctx, pack, offset, length);
  }
  DRKIT_TRY(load_whole(ctx, pack, why));
  if (offset > whole_.size() || length > whole_.size() - offset) return why;
  const ByteView part = ByteView(whole_).subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
  return Bytes(part.begin(), part.end());
}

void ChunkReader::give_up(std::uint32_t pack) {
  if (hopeless_packs_.size() >= kRememberedBad) hopeless_packs_.clear();
  hopeless_packs_.insert(pack);
}

Result<void> ChunkReader::examine(const Context& ctx, MirrorControl& mirror, std::uint32_t pack, const Error& why) {
  if (examined_packs_.contains(pack)) return {};
  const std::string key = pack_name(pack);
  auto right = mirror.examine(ctx, key);
  if (!right && right.error().code() == ErrorCode::cancelled) return std::move(right).error();
  if (!right || !*right) {
    give_up(pack);
    return why;
  }
  ctx.write_log(LogLevel::warning, "a part of " + key + " came bad, another copy is right: " + why.to_string());
  if (examined_packs_.size() >= kRememberedBad) examined_packs_.clear();
  examined_packs_.insert(pack);
  return {};
}

Result<void> ChunkReader::load_whole(const Context& ctx, std::uint32_t pack, const Error& why) {
  if (!whole_.empty() && whole_pack_ == pack) return {};
  DRKIT_ASSIGN(const PackRef ref, index_->pack(pack));
  if (ref.size_bytes > impl_->budget.whole_bytes) return why;
  whole_ = Bytes();
  const std::string key = pack_key(ref.type, ref.name);
  auto bytes = impl_->storage->get(ctx, key, {0, ref.size_bytes + std::uint64_t{1}});
  if (!bytes && bytes.error().code() == ErrorCode::cancelled) return std::move(bytes).error();
  if (bytes && crypto::sha256(*bytes) == ref.name) {
    ctx.write_log(LogLevel::warning, "a part of " + key + " came bad, all of it is right: " + why.to_string());
    bytes_fetched_ += bytes->size();
    whole_ = std::move(*bytes);
    whole_pack_ = pack;
    return {};
  }
  give_up(pack);
  return why;
}

Result<std::shared_ptr<const Secret>> ChunkReader::content_key(const format::SealedContentKey& sealed) {
  const std::lock_guard lock(mutex_);
  if (const auto found = keys_.find(sealed.sealed); found != keys_.end()) return found->second;
  DRKIT_ASSIGN(Secret key, open_content_key(*impl_, sealed));
  // Locked pages are few: keep what recent packs need.
  if (keys_.size() >= 64) keys_.clear();
  return keys_.emplace(sealed.sealed, std::make_shared<const Secret>(std::move(key))).first->second;
}

Result<void> ChunkReader::open_frame(const FrameRef& frame, ByteView sealed, base::Buffer& plain) {
  DRKIT_ASSIGN(const PackRef pack, index_->pack(frame.pack));
  const auto damaged = [&](std::string_view problem) {
    return name_pack(
        Error(ErrorCode::corrupt, "frame at offset " + std::to_string(frame.offset) + " " + std::string(problem)),
        pack_key(pack.type, pack.name));
  };
  auto key = content_key(pack.content_key);
  if (!key) return name_pack(std::move(key).error(), pack_key(pack.type, pack.name));
  if (sealed.size() != frame.sealed_bytes || sealed.size() < format::kSealBytes) return damaged("has the wrong length");
  thread_local base::Buffer encoded;
  thread_local codec::Decoder decoder;
  const Bytes associated =
      format::frame_associated_data(impl_->id, static_cast<std::uint8_t>(frame.codec), frame.plain_bytes);
  const bool stored = frame.codec == static_cast<std::uint32_t>(codec::CodecId::stored);
  base::Buffer& opened = stored ? plain : encoded;
  opened.clear();
  opened.resize(sealed.size() - format::kSealBytes);
  if (!crypto::open((*key)->view(), sealed.first(format::kNonceBytes), associated, sealed.subspan(format::kNonceBytes),
                    opened.writable())) {
    return damaged("does not open: its bytes are damaged or forged");
  }
  if (stored) return plain.size() == frame.plain_bytes ? Result<void>() : damaged("has the wrong plain length");
  plain.clear();
  plain.resize(frame.plain_bytes);
  if (!decoder.decode(static_cast<codec::CodecId>(frame.codec), opened.view(), plain.writable())) {
    return damaged("does not decode");
  }
  return {};
}

Result<void> ChunkReader::verify(const crypto::ChunkId& id, ByteView bytes, std::uint32_t pack) const {
  DRKIT_ASSIGN(const PackRef ref, index_->pack(pack));
  const auto type = static_cast<std::uint8_t>(ref.type);
  if (crypto::chunk_id(impl_->keys.id_key, type, crypto::sha256(bytes)) == id) return {};
  return name_pack(Error(ErrorCode::corrupt, "chunk does not match its id").with("chunk", base::to_hex(id)),
                   pack_name(pack));
}

ChunkReader::Frame ChunkReader::kept_frame(const FrameRef& frame) {
  const std::lock_guard lock(mutex_);
  for (auto it = frames_.begin(); it != frames_.end(); ++it) {
    if (it->first != frame) continue;
    frames_.splice(frames_.begin(), frames_, it);
    return frames_.front().second;
  }
  return nullptr;
}

Result<ChunkReader::Frame> ChunkReader::open_and_keep(const FrameRef& frame, ByteView sealed) {
  auto plain = std::make_shared<base::Buffer>();
  DRKIT_TRY(open_frame(frame, sealed, *plain));
  const std::lock_guard lock(mutex_);
  frames_.emplace_front(frame, plain);
  if (frames_.size() > kCachedFrames) frames_.pop_back();
  return Frame(plain);
}

Result<Bytes> ChunkReader::cut(const crypto::ChunkId& id, const Location& copy, const base::Buffer& frame) const {
  if (copy.chunk_offset + std::uint64_t{copy.plain_bytes} > frame.size()) {
    return name_pack(format::corrupt("pack", "its directory and its frame disagree"), pack_name(copy.pack));
  }
  const ByteView chunk = frame.view().subspan(copy.chunk_offset, copy.plain_bytes);
  DRKIT_TRY(verify(id, chunk, copy.pack));
  return Bytes(chunk.begin(), chunk.end());
}

Result<Bytes> ChunkReader::read_copy(const Context& ctx, const crypto::ChunkId& id, const Location& copy) {
  const FrameRef ref = FrameRef::of(copy);
  Frame frame = kept_frame(ref);
  if (frame == nullptr) {
    DRKIT_ASSIGN(const Bytes sealed, fetch(ctx, ref.pack, ref.offset, ref.sealed_bytes));
    DRKIT_ASSIGN(frame, open_and_keep(ref, sealed));
  }
  return cut(id, copy, *frame);
}

Result<Bytes> ChunkReader::read_again(const Context& ctx, const crypto::ChunkId& id, const Location& copy,
                                      const Error& why) {
  const FrameRef ref = FrameRef::of(copy);
  if (const Frame kept = kept_frame(ref)) {
    if (auto chunk = cut(id, copy, *kept)) return chunk;
  }
  DRKIT_ASSIGN(const Bytes sealed, fetch_again(ctx, ref.pack, ref.offset, ref.sealed_bytes, why));
  DRKIT_ASSIGN(const Frame frame, open_and_keep(ref, sealed));
  return cut(id, copy, *frame);
}

Result<Bytes> ChunkReader::read(const Context& ctx, format::PackType type, const crypto::ChunkId& id) {
  DRKIT_ASSIGN(const std::vector<Location> copies, copies_of(ctx, type, id));
  std::optional<Error> first;
  for (const Location& copy : copies) {
    auto bytes = read_copy(ctx, id, copy);
    if (bytes || !another_may_be_good(bytes.error())) return bytes;
    if (copies.size() > 1) pass_over(ctx, FrameRef::of(copy), bytes.error());
    if (!first) first = std::move(bytes).error();
  }
  for (const Location& copy : copies) {
    auto bytes = read_again(ctx, id, copy, *first);
    if (bytes || !another_may_be_good(bytes.error())) return bytes;
  }
  return std::move(*first);
}

Result<Bytes> ChunkReader::read_elsewhere(const Context& ctx, const crypto::ChunkId& id, const FrameRef& bad,
                                          const Error& why) {
  if (!another_may_be_good(why)) return why;
  DRKIT_ASSIGN(const std::vector<Location> copies, copies_of(ctx, format::PackType::data, id));
  if (copies.size() == 1) return read_again(ctx, id, copies.front(), why);
  pass_over(ctx, bad, why);
  auto bytes = read(ctx, format::PackType::data, id);
  return bytes || !another_may_be_good(bytes.error()) ? std::move(bytes) : Result<Bytes>(why);
}

void ChunkReader::pass_over(const Context& ctx, const FrameRef& bad, const Error& why) {
  {
    const std::lock_guard lock(mutex_);
    if (bad_frames_.size() >= kRememberedBad) bad_frames_.clear();
    bad_frames_.insert(bad);
    if (warned_packs_.size() >= kRememberedBad) warned_packs_.clear();
    if (!warned_packs_.insert(bad.pack).second) return;
  }
  ctx.write_log(LogLevel::warning,
                "a bad copy in " + pack_name(bad.pack) + " is passed over for another: " + why.to_string());
}

}  // namespace drkit::repo
