// Tails of the write-ahead log: what a receiver stores piece by piece in an object that grows.
#pragma once

#include "format/wal.hpp"
#include "repo/impl.hpp"

namespace drkit::repo {

WalName tail_name(std::uint64_t system_id, std::uint32_t timeline, std::uint64_t start);

/// What a tail holds, seen as one piece: how far it reaches and how many of its bytes are in use. Nothing when there is
/// no whole piece in it, or it is gone. Works with every key. Errors: the storage's.
struct TailExtent {
  WalName piece;
  std::uint64_t stored_bytes = 0;
};
Result<std::optional<TailExtent>> look_at_tail(const Context& ctx, Repository::Impl& impl, const WalName& tail,
                                               const std::string& key);

/// The bytes of a piece that a tail holds. Errors: not_found (there is no tail, or it ends before), corrupt,
///   permission_denied.
Result<Bytes> get_from_tail(const Context& ctx, Repository::Impl& impl, const WalName& piece);
/// Whether a tail holds these bytes as that piece. Works with every key. Errors: not_found, corrupt.
Result<bool> same_in_tail(const Context& ctx, Repository::Impl& impl, const WalName& piece, ByteView bytes);

}  // namespace drkit::repo
