#include "format/common.hpp"

#include <algorithm>

#include "base/byte_io.hpp"
#include "crypto/sha256.hpp"

namespace drkit::format {

std::uint64_t max_object_bytes(Kind kind) {
  constexpr std::uint64_t kMiB = 1ULL << 20;
  switch (kind) {
    case Kind::index:
      return 64 * kMiB;
    case Kind::snapshot:
      return 32 * kMiB;
    case Kind::key_slot:
    case Kind::proof:
    case Kind::checkpoint:
      return kMiB;
    default:
      return kMiB / 16;
  }
}

Bytes associated_data(Kind kind, const RepositoryId& repository, ByteView identity) {
  base::ByteWriter out;
  out.raw(kMagic);
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(kind));
  out.raw(repository);
  out.raw(identity);
  return out.take();
}

Bytes wrap_envelope(Kind kind, ByteView payload) {
  base::ByteWriter out;
  out.raw(kMagic);
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(kind));
  out.u64(payload.size());
  out.raw(payload);
  const Digest digest = crypto::sha256(out.view());
  out.raw(digest);
  return out.take();
}

Result<ByteView> unwrap_envelope(Kind kind, ByteView object) {
  base::ByteReader in(object);
  const auto magic = in.array<6>();
  const std::uint8_t version = in.u8();
  const std::uint8_t found_kind = in.u8();
  const std::uint64_t length = in.u64();
  if (!in.ok() || magic != kMagic) return corrupt("object", "does not begin with the magic of a drkit object");
  // The checksum comes first, in every version: a damaged version byte must not look like a newer program's work.
  if (in.left() < 32) return corrupt("object", "is cut short");
  Digest expected;
  std::copy_n(object.end() - 32, 32, expected.begin());
  if (crypto::sha256(object.first(object.size() - 32)) != expected) {
    return corrupt("object", "stored bytes do not match their checksum");
  }
  if (version != kVersion) {
    return Error(ErrorCode::version_unsupported, "object of format version " + std::to_string(version) +
                                                     ", this build reads version " + std::to_string(kVersion));
  }
  if (length != in.left() - 32) return corrupt("object", "length differs from the header's");
  const ByteView payload = in.raw(length);
  if (found_kind != static_cast<std::uint8_t>(kind)) {
    return corrupt("object", "kind " + std::to_string(found_kind) + " where kind " +
                                 std::to_string(static_cast<unsigned>(kind)) + " belongs");
  }
  return payload;
}

Error corrupt(std::string_view what, std::string_view problem) {
  return Error(ErrorCode::corrupt, std::string(what) + ": " + std::string(problem));
}

}  // namespace drkit::format
