#include "systems/postgres/wal_available.hpp"

#include <algorithm>

#include "systems/postgres/server_error.hpp"
#include "systems/postgres/wal_stream.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::chrono::milliseconds kWait{100};
constexpr int kNothingWakes = -1;

}  // namespace

Result<Lsn> first_available(Lsn missing, Lsn limit, std::uint64_t segment_bytes,
                            const std::function<Result<bool>(Lsn)>& probe) {
  std::uint64_t gone = missing / segment_bytes, there = (limit + segment_bytes - 1) / segment_bytes;
  bool found = false;
  for (std::uint64_t step = 1; !found && gone + step < there; step *= 2) {
    DRKIT_ASSIGN(found, probe((gone + step) * segment_bytes));
    (found ? there : gone) = gone + step;
  }
  while (there - gone > 1 && there > gone) {
    const std::uint64_t middle = gone + (there - gone) / 2;
    DRKIT_ASSIGN(const bool here, probe(middle * segment_bytes));
    (here ? there : gone) = middle;
  }
  return std::min(limit, there * segment_bytes);
}

Result<bool> is_available(const Context& ctx, const ConnectionParameters& parameters, TimelineId timeline, Lsn start,
                          std::chrono::milliseconds timeout) {
  DRKIT_ASSIGN(const auto stream, WalStream::open(ctx, parameters, "drkit", timeout));
  // Without the slot: what is asked here must not move it.
  auto answer = stream->start(ctx, "", start, timeline);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (answer && *answer && std::chrono::steady_clock::now() < deadline) {
    const auto event = stream->next(ctx, kNothingWakes, kWait);
    if (event && event->kind == StreamEvent::Kind::data) return true;
    if (event && event->kind != StreamEvent::Kind::timeline_end) continue;
    answer = event ? Result<bool>(false) : Result<bool>(event.error());
  }
  // The copy ends before an error of the server is told.
  if (answer && !*answer) {
    const auto next = stream->next_timeline(ctx);
    if (next) return true;
    answer = next.error();
  }
  if (!answer && has_sqlstate(answer.error(), kFileGone)) return false;
  DRKIT_TRY(answer);
  return Error(ErrorCode::timeout, "the server does not say whether it still has this part of the log", Retry::yes)
      .with("lsn", format_lsn(start));
}

}  // namespace drkit::systems::postgres
