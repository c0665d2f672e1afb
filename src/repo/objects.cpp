// Small sealed objects: envelopes, shared seals, content keys, index objects.
#include <algorithm>

#include "crypto/box.hpp"
#include "crypto/cipher.hpp"
#include "crypto/random.hpp"
#include "crypto/sha256.hpp"
#include "repo/impl.hpp"
#include "repo/layout.hpp"

namespace drkit::repo {
namespace {

Error name_object(Error error, std::string_view key) {
  for (const auto& item : error.context()) {
    if (item.first == "key") return error;
  }
  return std::move(error).with("key", std::string(key));
}

}  // namespace

Result<void> require_known(std::uint64_t feature_bits, std::string_view use) {
  if (feature_bits == 0) return {};
  return Error(ErrorCode::version_unsupported,
               "the repository has features that this build does not know and must know for " + std::string(use));
}

Result<Bytes> get_bounded(const Context& ctx, Storage& storage, std::string_view key, format::Kind kind) {
  const std::uint64_t limit = format::max_object_bytes(kind);
  DRKIT_ASSIGN(Bytes object, storage.get(ctx, key, {0, limit + 1}));
  if (object.size() <= limit) return object;
  return name_object(format::corrupt("object", "is larger than its kind allows"), key);
}

Result<Bytes> get_object(const Context& ctx, Storage& storage, std::string_view key, format::Kind kind) {
  DRKIT_ASSIGN(const Bytes object, get_bounded(ctx, storage, key, kind));
  auto payload = format::unwrap_envelope(kind, object);
  if (!payload) return name_object(std::move(payload).error(), key);
  return Bytes(payload->begin(), payload->end());
}

Result<void> put_object(const Context& ctx, Storage& storage, std::string_view key, format::Kind kind, ByteView payload,
                        bool if_absent) {
  return storage.put(ctx, key, format::wrap_envelope(kind, payload), {.if_absent = if_absent});
}

Result<Bytes> seal_shared(const Repository::Impl& impl, format::Kind kind, ByteView identity, ByteView plain) {
  return crypto::seal_bytes(impl.keys.index_key.view(), format::associated_data(kind, impl.id, identity), plain,
                            crypto::system_random());
}

Result<Bytes> open_shared(const Repository::Impl& impl, format::Kind kind, ByteView identity, ByteView sealed) {
  return crypto::open_bytes(impl.keys.index_key.view(), format::associated_data(kind, impl.id, identity), sealed);
}

Result<ContentKey> make_content_key(const Repository::Impl& impl) {
  ContentKey content;
  content.key = Secret::zeros(32);
  crypto::system_random().fill(content.key.writable());
  const std::shared_lock lock(impl.rotation_mutex);
  const format::DataKey& newest = impl.keys.data_keys.back();
  DRKIT_ASSIGN(const Bytes box, crypto::seal_box(newest.public_key, content.key.view()));
  content.sealed.generation = newest.generation;
  std::copy(box.begin(), box.end(), content.sealed.sealed.begin());
  return content;
}

Result<Secret> open_content_key(const Repository::Impl& impl, const format::SealedContentKey& sealed) {
  if (impl.keys.role != KeyRole::full) {
    return Error(ErrorCode::permission_denied, "this key may add backups but not read them");
  }
  const std::shared_lock lock(impl.rotation_mutex);
  for (const format::DataKey& data_key : impl.keys.data_keys) {
    if (data_key.generation != sealed.generation) continue;
    const crypto::KeyPair pair{data_key.public_key, data_key.secret_key.clone()};
    auto key = crypto::open_box(pair, sealed.sealed);
    if (!key) return format::corrupt("content key", "does not open with the repository's data key");
    if (key->size() != 32) return format::corrupt("content key", "has the wrong length");
    return key;
  }
  return format::corrupt("content key", "names an unknown generation " + std::to_string(sealed.generation));
}

Result<std::vector<std::string>> list_keys(const Context& ctx, Storage& storage, std::string_view prefix) {
  std::vector<std::string> keys;
  DRKIT_TRY(storage.list(ctx, prefix, [&](const ObjectInfo& info) {
    keys.push_back(info.key);
    return true;
  }));
  std::sort(keys.begin(), keys.end());
  return keys;
}

Result<ObjectInfo> put_index(const Context& ctx, Repository::Impl& impl, const format::IndexSegment& segment) {
  DRKIT_ASSIGN(const Bytes sealed, seal_shared(impl, format::Kind::index, {}, format::encode_index(segment)));
  const Bytes object = format::wrap_envelope(format::Kind::index, sealed);
  ObjectInfo info{object_key(kIndexPrefix, crypto::sha256(object)), object.size(), 0};
  DRKIT_TRY(impl.storage->put(ctx, info.key, object, {}));
  return info;
}

bool is_unusable(const Error& error) {
  return error.code() == ErrorCode::corrupt || error.code() == ErrorCode::not_found ||
         error.code() == ErrorCode::version_unsupported || error.code() == ErrorCode::invalid_argument;
}

Result<format::PackInfo> read_pack_info(const Context& ctx, Repository::Impl& impl, const std::string& key,
                                        std::uint64_t size_bytes) {
  const auto damaged = [&](std::string_view problem) { return name_object(format::corrupt("pack", problem), key); };
  const auto name = base::array_from_hex<32>(object_name(key));
  if (!name) return damaged("its name is no SHA-256");
  if (size_bytes < format::kPackHeaderBytes + format::kPackTrailerBytes) return damaged("is too short");
  if (size_bytes > format::kMaxPackBytes) return damaged("is too large");
  const auto get = [&](std::uint64_t offset, std::uint64_t length) -> Result<Bytes> {
    auto bytes = impl.storage->get(ctx, key, {offset, length});
    const bool past_end = !bytes && bytes.error().code() == ErrorCode::invalid_argument;
    if (past_end || (bytes && bytes->size() != length)) return damaged("is shorter than expected");
    return bytes;
  };
  DRKIT_ASSIGN(const Bytes header_bytes, get(0, format::kPackHeaderBytes));
  DRKIT_ASSIGN(const Bytes trailer, get(size_bytes - format::kPackTrailerBytes, format::kPackTrailerBytes));
  auto header = format::decode_pack_header(header_bytes);
  auto length = format::decode_pack_trailer(trailer);
  if (!header) return name_object(std::move(header).error(), key);
  if (!length) return name_object(std::move(length).error(), key);
  if (header->repository != impl.id) return damaged("belongs to another repository");
  if (pack_key(header->type, *name) != key) return damaged("is of another type than its place says");
  const std::uint64_t rest = size_bytes - format::kPackHeaderBytes - format::kPackTrailerBytes;
  if (*length > rest) return damaged("its directory is longer than the pack");
  DRKIT_ASSIGN(const Bytes sealed, get(size_bytes - format::kPackTrailerBytes - *length, *length));
  auto plain = open_shared(impl, format::Kind::pack_directory, header_bytes, sealed);
  if (!plain) return damaged("its directory does not open");
  base::ByteReader in(*plain);
  auto directory = format::decode_directory(in, rest - *length);
  if (!directory || !in.done()) return damaged("its directory is damaged");
  return format::PackInfo{*name, size_bytes, header->type, header->content_key, std::move(*directory), false};
}

}  // namespace drkit::repo

namespace drkit {

std::string Repository::Impl::spool_directory() const { return cache_directory.empty() ? "/var/tmp" : cache_directory; }

Result<format::IndexSegment> Repository::Impl::load_index_object(const Context& ctx, const std::string& key) {
  const auto damaged = [&](std::string_view problem) { return format::corrupt("index", problem).with("key", key); };
  DRKIT_ASSIGN(const Bytes object, repo::get_bounded(ctx, *index_storage, key, format::Kind::index));
  // The name counts: what another index object replaces is named by it.
  if (base::to_hex(crypto::sha256(object)) != repo::object_name(key)) {
    return damaged("its name is not the SHA-256 of its bytes");
  }
  const auto sealed = format::unwrap_envelope(format::Kind::index, object);
  if (!sealed) return damaged(sealed.error().message());
  const auto plain = repo::open_shared(*this, format::Kind::index, {}, *sealed);
  if (!plain) return damaged("does not open: it is damaged or forged");
  auto segment = format::decode_index(*plain);
  if (!segment) return damaged(segment.error().message());
  return segment;
}

Result<bool> Repository::Impl::build_index(const Context& ctx, const std::vector<std::string>& objects,
                                           const std::vector<std::string>& skipped) {
  std::vector<std::string> superseded;
  for (const std::string& key : objects) {
    if (std::binary_search(index_objects_.begin(), index_objects_.end(), key)) continue;
    if (std::binary_search(skipped.begin(), skipped.end(), key)) continue;
    DRKIT_TRY(ctx.check_cancelled());
    auto loaded = load_index_object(ctx, key);
    // Replaced by another and removed since the listing: without that one the index would lack chunks that are there.
    if (!loaded && loaded.error().code() == ErrorCode::not_found) return false;
    if (!loaded && loaded.error().code() == ErrorCode::corrupt) {
      ctx.write_log(LogLevel::warning, "gone on without a damaged index object: " + loaded.error().to_string());
      damaged_index_.push_back(key);
      continue;
    }
    DRKIT_ASSIGN(const format::IndexSegment segment, std::move(loaded));
    for (const format::Digest& name : segment.supersedes) {
      const std::string old = repo::object_key(repo::kIndexPrefix, name);
      if (std::binary_search(objects.begin(), objects.end(), old)) superseded.push_back(old);
    }
    for (const format::PackInfo& pack : segment.packs) DRKIT_TRY(index_->add(pack));
  }
  std::sort(superseded.begin(), superseded.end());
  index_objects_ = objects;
  // Tried again by the next refresh.
  std::erase_if(index_objects_, [this](const std::string& key) {
    return std::find(damaged_index_.begin(), damaged_index_.end(), key) != damaged_index_.end();
  });
  if (std::includes(skipped.begin(), skipped.end(), superseded.begin(), superseded.end())) return true;
  // Rare: a prune put its index and has not removed the old ones yet. What they alone list may be gone.
  superseded.insert(superseded.end(), skipped.begin(), skipped.end());
  std::sort(superseded.begin(), superseded.end());
  index_ = std::make_shared<repo::Index>(spool_directory());
  index_objects_.clear();
  damaged_index_.clear();
  return build_index(ctx, objects, superseded);
}

Result<std::uint64_t> Repository::Impl::list_packs(const Context& ctx, repo::Index& index,
                                                   const std::vector<format::PackInfo>& packs) {
  DRKIT_ASSIGN(ObjectInfo object, repo::put_index(ctx, *this, {{}, packs}));
  DRKIT_ASSIGN(const base::Turn::Held turn, index_turn_.take(ctx));
  for (const format::PackInfo& pack : packs) {
    DRKIT_TRY(index.add(pack));
    // Another one when index() was made afresh meanwhile; in the same one it is known already.
    if (index_) DRKIT_TRY(index_->add(pack));
  }
  // Known from now on, so that its disappearance is noticed.
  const auto place = std::lower_bound(index_objects_.begin(), index_objects_.end(), object.key);
  if (place == index_objects_.end() || *place != object.key) index_objects_.insert(place, object.key);
  return object.size_bytes;
}

Result<std::shared_ptr<repo::Index>> Repository::Impl::index(const Context& ctx, bool refresh) {
  DRKIT_ASSIGN(const base::Turn::Held turn, index_turn_.take(ctx));
  if (index_ && !refresh) return index_;
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto built = refresh_index(ctx);
    if (built && *built) return index_;
    index_.reset();
    index_objects_.clear();
    DRKIT_TRY(built);
  }
  return Error(ErrorCode::unavailable, "index objects keep changing while they are read", Retry::yes);
}

// False when an index object vanished while it was read.
Result<bool> Repository::Impl::refresh_index(const Context& ctx) {
  DRKIT_ASSIGN(std::vector<std::string> objects, repo::list_keys(ctx, *storage, repo::kIndexPrefix));
  std::erase_if(objects, [](const std::string& key) { return !repo::has_name_of<32>(key, repo::kIndexPrefix); });
  // An object that vanished listed packs that may have vanished with it: nobody may count on their chunks.
  if (!index_ || !std::includes(objects.begin(), objects.end(), index_objects_.begin(), index_objects_.end())) {
    index_ = std::make_shared<repo::Index>(spool_directory());
    index_objects_.clear();
  }
  damaged_index_.clear();
  DRKIT_ASSIGN(const bool whole, build_index(ctx, objects, {}));
  index_->set_complete(damaged_index_.empty());
  if (!whole || index_storage == storage) return whole;
  // A local copy does not tell that the object is gone by now.
  DRKIT_ASSIGN(const std::vector<std::string> now, repo::list_keys(ctx, *storage, repo::kIndexPrefix));
  return std::includes(now.begin(), now.end(), objects.begin(), objects.end());
}

Result<void> Repository::Impl::add_unlisted_packs(const Context& ctx, repo::Index& index, bool something_is_missing) {
  if (!something_is_missing) {
    DRKIT_ASSIGN(const base::Turn::Held turn, index_turn_.take(ctx));
    if (damaged_index_.empty()) return {};
  }
  std::vector<ObjectInfo> packs;
  for (const std::string_view prefix : {repo::kDataPrefix, repo::kMetaPrefix}) {
    DRKIT_TRY(storage->list(ctx, prefix, [&](const ObjectInfo& info) {
      const auto name = base::array_from_hex<32>(repo::object_name(info.key));
      if (name && !index.knows_pack(*name)) packs.push_back(info);
      return true;
    }));
  }
  for (const ObjectInfo& info : packs) {
    DRKIT_TRY(ctx.check_cancelled());
    const auto pack = repo::read_pack_info(ctx, *this, info.key, info.size_bytes);
    if (!pack && !repo::is_unusable(pack.error())) return pack.error();
    if (!pack) ctx.write_log(LogLevel::warning, "unlisted pack passed over: " + pack.error().to_string());
    if (pack) DRKIT_TRY(index.add_unlisted(*pack));
  }
  return {};
}

}  // namespace drkit
