// Tails of the write-ahead log: what a receiver stores piece by piece in an object that grows.
#pragma once

#include "format/wal.hpp"
#include "repo/impl.hpp"

namespace drkit::repo {

WalName tail_name(std::uint64_t system_id, std::uint32_t timeline, std::uint64_t start);

/// A tail as it is stored. Read again while it ends in what may be half of what somebody is adding right now, so that
/// who looks on at a writer takes it for neither damage nor an end.
struct TailBytes {
  Bytes bytes;
  format::WalTailPieces found;  ///< views into bytes
};
/// Errors: corrupt (it is none), the storage's.
Result<TailBytes> read_tail(const Context& ctx, Storage& storage, const std::string& key);

/// What a tail holds, seen as one piece: how far it reaches, and how many of its bytes are in use. An empty piece when
/// there is no whole one in it. Works with every key. Errors: not_found, the storage's.
struct TailExtent {
  WalName piece;
  std::uint64_t stored_bytes = 0;
  bool damaged = false;  ///< the log goes on behind the piece, but cannot be read
};
Result<TailExtent> look_at_tail(const Context& ctx, Repository::Impl& impl, const WalName& tail,
                                const std::string& key);

/// The bytes of a piece that a tail holds. Errors: not_found (there is no tail, or it ends before), corrupt,
///   permission_denied.
Result<Bytes> get_from_tail(const Context& ctx, Repository::Impl& impl, const WalName& piece);
/// Whether a tail holds these bytes as that piece. Works with every key. Errors: not_found, corrupt.
Result<bool> same_in_tail(const Context& ctx, Repository::Impl& impl, const WalName& piece, ByteView bytes);

}  // namespace drkit::repo
