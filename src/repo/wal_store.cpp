#include "repo/wal_store.hpp"

#include <algorithm>

#include "base/byte_io.hpp"
#include "base/large_bytes.hpp"
#include "codec/codec.hpp"
#include "crypto/chunk_id.hpp"
#include "crypto/cipher.hpp"
#include "crypto/random.hpp"
#include "crypto/sha256.hpp"

namespace drkit::repo {
namespace {

Bytes header_data(const Repository::Impl& impl, const WalName& name) {
  return format::associated_data(format::kWalHeaderKind, impl.id, format::encode_wal_name(name));
}

Bytes body_data(const Repository::Impl& impl, const WalName& name, ByteView sealed_header) {
  Bytes identity = format::encode_wal_name(name);
  const format::Digest digest = crypto::sha256(sealed_header);
  identity.insert(identity.end(), digest.begin(), digest.end());
  return format::associated_data(format::kWalBodyKind, impl.id, identity);
}

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

}  // namespace

format::Digest wal_id(const Repository::Impl& impl, ByteView plain) {
  return crypto::chunk_id(impl.keys.id_key, crypto::sha256(plain));
}

Result<Bytes> WalSealer::seal(const Context& ctx, const Repository::Impl& impl, const WalName& name, ByteView plain,
                              const WalFacts& facts) {
  if (plain.size() > format::kMaxWalPlainBytes || facts.restore_points.size() > format::kMaxWalRestorePoints) {
    return Error(ErrorCode::invalid_argument, "an object of the log holds at most 64 MiB and 200 restore points");
  }
  DRKIT_ASSIGN(const codec::Encoded encoded, encoder_.encode(plain, level_, scratch_, codec::Repeats::brief));
  format::WalHeader header{static_cast<std::uint8_t>(encoded.codec), static_cast<std::uint32_t>(plain.size()),
                           wal_id(impl, plain), ctx.clock->wall_ns(), facts};
  const Bytes associated = header_data(impl, name);
  DRKIT_ASSIGN(const Bytes sealed_header,
               crypto::seal_bytes(impl.keys.index_key.view(), associated, format::encode_wal_header(header),
                                  crypto::system_random()));
  if (sealed_header.size() > format::kMaxWalHeaderBytes) {
    return Error(ErrorCode::invalid_argument, "the header of a log object holds at most 64 KiB");
  }
  if (!content_) {
    DRKIT_ASSIGN(content_, make_content_key(impl));
  }
  base::ByteWriter head;
  head.raw(format::kMagic);
  head.u8(format::kVersion);
  head.u8(static_cast<std::uint8_t>(format::Kind::wal));
  base::ByteWriter payload;
  payload.u32(content_->sealed.generation);
  payload.raw(content_->sealed.sealed);
  payload.blob(sealed_header);
  const std::size_t body_bytes = format::kSealBytes + encoded.bytes.size();
  head.u64(payload.size() + body_bytes);
  // Built in its final place: a segment is too large to be copied from wrapper to wrapper.
  Bytes object;
  base::reserve_large(object, head.size() + payload.size() + body_bytes + 32);
  append(object, head.view());
  append(object, payload.view());
  const std::size_t body_at = object.size();
  object.resize(body_at + body_bytes);
  const std::span<std::byte> body = std::span(object).subspan(body_at);
  crypto::system_random().fill(body.first(format::kNonceBytes));
  DRKIT_TRY(crypto::seal(content_->key.view(), body.first(format::kNonceBytes), body_data(impl, name, sealed_header),
                         encoded.bytes, body.subspan(format::kNonceBytes)));
  append(object, crypto::sha256(object));
  return object;
}

Result<format::WalHeader> open_wal_header(const Repository::Impl& impl, const WalName& name, ByteView sealed) {
  const auto plain = crypto::open_bytes(impl.keys.index_key.view(), header_data(impl, name), sealed);
  if (!plain) return format::corrupt("wal object", "its header does not open: it is damaged or forged");
  return format::decode_wal_header(*plain);
}

Result<format::WalHeader> check_wal_object(const Repository::Impl& impl, const WalName& name, ByteView object) {
  DRKIT_ASSIGN(const ByteView payload, format::unwrap_envelope(format::Kind::wal, object));
  DRKIT_ASSIGN(const format::WalPayload parts, format::decode_wal_payload(payload));
  return open_wal_header(impl, name, parts.sealed_header);
}

Result<Bytes> open_wal_object(const Repository::Impl& impl, const WalName& name, ByteView object) {
  DRKIT_ASSIGN(const ByteView payload, format::unwrap_envelope(format::Kind::wal, object));
  DRKIT_ASSIGN(const format::WalPayload parts, format::decode_wal_payload(payload));
  DRKIT_ASSIGN(const format::WalHeader header, open_wal_header(impl, name, parts.sealed_header));
  DRKIT_ASSIGN(const Secret content_key, open_content_key(impl, parts.content_key));
  const auto encoded =
      crypto::open_bytes(content_key.view(), body_data(impl, name, parts.sealed_header), parts.sealed_body);
  if (!encoded) return format::corrupt("wal object", "its content does not open: it is damaged or forged");
  Bytes plain(header.plain_bytes);
  DRKIT_TRY(codec::decode(static_cast<codec::CodecId>(header.codec), *encoded, plain));
  if (wal_id(impl, plain) != header.id) return format::corrupt("wal object", "its content is not what was stored");
  return plain;
}

}  // namespace drkit::repo
