#include "systems/postgres/wal_tails.hpp"

namespace drkit::systems::postgres {

Result<void> TailWriter::begin(const Context& ctx, const WalName& first) {
  tail_.reset();
  first_ = first.start;
  DRKIT_ASSIGN(tail_, archive_.begin_tail(ctx, first));
  return {};
}

TailWriter::Added TailWriter::add(const Context& ctx, const WalName& piece, ByteView bytes, bool begins_segment) {
  Added added;
  if (!possible_) return added;
  const bool goes_on = tail_ != nullptr && !begins_segment && end_ == piece.start;
  const Result<void> begun = goes_on ? Result<void>() : begin(ctx, piece);
  added.first = first_;
  if (!begun) {
    possible_ = begun.error().code() != ErrorCode::unsupported;
    added.in_the_way = begun.error().code() == ErrorCode::already_exists;
    return added;
  }
  added.done = tail_->append(ctx, bytes).ok();
  added.full = tail_->is_full();
  if (!added.done || added.full) tail_.reset();
  end_ = piece.end;
  return added;
}

}  // namespace drkit::systems::postgres
