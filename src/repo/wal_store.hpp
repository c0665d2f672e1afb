// Sealing and opening one object of the write-ahead log.
#pragma once

#include <optional>

#include "codec/codec.hpp"
#include "format/wal.hpp"
#include "repo/impl.hpp"

namespace drkit::repo {

/// Makes objects that lie together in the storage: one content key for all of them, each under a nonce of its own.
/// Thread-safety: one thread at a time.
class WalSealer {
 public:
  /// level: of the codec.
  explicit WalSealer(int level) : level_(level) {}
  /// The whole object, envelope included. Errors: invalid_argument (too large), internal.
  Result<Bytes> seal(const Context& ctx, const Repository::Impl& impl, const WalName& name, ByteView plain,
                     const WalFacts& facts);

 private:
  const int level_;
  codec::Encoder encoder_;
  base::LargeBuffer scratch_;
  std::optional<ContentKey> content_;
};

/// The bytes inside, verified against their id. Errors: corrupt, permission_denied.
Result<Bytes> open_wal_object(const Repository::Impl& impl, const WalName& name, ByteView object);
Result<format::WalHeader> open_wal_header(const Repository::Impl& impl, const WalName& name, ByteView sealed);
/// What can be verified without a key that reads contents: checksum and header. Errors: corrupt.
Result<format::WalHeader> check_wal_object(const Repository::Impl& impl, const WalName& name, ByteView object);
/// The id under which the bytes of a log object are compared.
format::Digest wal_id(const Repository::Impl& impl, ByteView plain);

}  // namespace drkit::repo
