#include "systems/postgres/wal_tails.hpp"

namespace drkit::systems::postgres {

Result<void> TailWriter::begin(const Context& ctx, const WalName& first) {
  tail_.reset();
  first_ = first.start;
  DRKIT_ASSIGN(tail_, archive_.begin_tail(ctx, first));
  return {};
}

// The object that is put instead succeeds, or tells why it does not.
void TailWriter::tell(const Context& ctx, const Error& why) {
  ctx.write_log(LogLevel::warning,
                "received log goes into an object of its own, the tail took none: " + why.to_string());
}

TailWriter::Added TailWriter::add(const Context& ctx, const WalName& piece, ByteView bytes, bool begins_segment) {
  Added added;
  if (!possible_) return added;
  const bool goes_on = tail_ != nullptr && !begins_segment && end_ == piece.start;
  const Result<void> begun = goes_on ? Result<void>() : begin(ctx, piece);
  added.first = first_;
  if (!begun) {
    const ErrorCode code = begun.error().code();
    possible_ = code != ErrorCode::unsupported;
    added.in_the_way = code == ErrorCode::already_exists;
    if (possible_ && !added.in_the_way) tell(ctx, begun.error());
    return added;
  }
  const Result<void> appended = tail_->append(ctx, bytes);
  if (!appended) tell(ctx, appended.error());
  added.done = appended.ok();
  added.full = tail_->is_full();
  if (!added.done || added.full) tail_.reset();
  end_ = piece.end;
  return added;
}

}  // namespace drkit::systems::postgres
