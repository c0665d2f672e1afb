#include "systems/postgres/wal_intake.hpp"

#include <algorithm>
#include <thread>

namespace drkit::systems::postgres {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 256 << 10;
constexpr int kReadsInARow = 8;  ///< more than one message brings, so what is behind catches up
constexpr std::chrono::milliseconds kPoll{20}, kGrace{10'000};

}  // namespace

WalIntake::WalIntake(const Context& ctx, const WalArchive& archive, const UploadStart& start,
                     const WalReceiveOptions& options, int wake_fd)
    : ctx_(ctx),
      archive_(archive),
      start_(start),
      spool_directory_(options.spool_directory),
      uploader_(ctx, archive, start, options, wake_fd) {
  if (options.durable != WalDurable::spool) return;
  spool_.emplace(spool_directory_, start.system_id, start.timeline, start.segment_bytes, start.start,
                 options.spool_bytes);
  buffer_.resize(kReadBytes);
}

// A server that was set back and went another way must not be told that its log is safe.
Result<void> WalIntake::compare(Lsn at, ByteView bytes) {
  Bytes before(bytes.size());
  std::size_t count = 0;
  while (count < bytes.size()) {
    DRKIT_ASSIGN(const std::size_t got, spool_->read(at + count, std::span(before).subspan(count)));
    count += got;
  }
  if (std::equal(bytes.begin(), bytes.end(), before.begin())) return {};
  return Error(ErrorCode::already_exists, "the server sends other bytes than it sent before")
      .with("lsn", format_lsn(at));
}

Result<void> WalIntake::take(Lsn at, ByteView bytes) {
  if (!spool_) return uploader_.append(at, bytes);
  const Lsn written = spool_->written();
  if (at < written) {
    const auto known = static_cast<std::size_t>(std::min<Lsn>(written - at, bytes.size()));
    DRKIT_TRY(compare(at, bytes.first(known)));
    at += known;
    bytes = bytes.subspan(known);
  }
  return bytes.empty() ? Result<void>() : spool_->append(at, bytes);
}

Result<void> WalIntake::feed() {
  for (int count = 0; count < kReadsInARow; ++count) {
    const Lsn from = uploader_.received();
    if (from >= spool_->written() || uploader_.is_full()) return {};
    DRKIT_ASSIGN(const std::size_t got, spool_->read(from, buffer_));
    DRKIT_TRY(uploader_.offer(from, ByteView(buffer_).first(got)));
  }
  return {};
}

Result<void> WalIntake::keep_moving(bool quiet) {
  if (!spool_) {
    uploader_.store_here(quiet);
    return {};
  }
  // One sync for all that has arrived by now: each costs as much as the writing.
  if (quiet) DRKIT_TRY(spool_->sync());
  DRKIT_TRY(feed());
  return spool_->forget_before(uploader_.durable());
}

bool WalIntake::is_behind() const {
  if (!spool_) return uploader_.waits_for_here();
  return !spool_->is_synced() || (uploader_.received() < spool_->written() && !uploader_.is_full());
}

Lsn WalIntake::durable() const { return std::max(uploader_.durable(), spool_ ? spool_->end() : 0); }

Lsn WalIntake::safe() const { return std::max(durable(), start_.known.empty() ? 0 : start_.known.back().end); }

// Until the uploader has all of it, or its time is over.
Result<void> WalIntake::drain(std::optional<steady_clock::time_point> deadline) {
  for (;;) {
    DRKIT_TRY(uploader_.state());
    DRKIT_TRY(keep_moving(true));
    if (uploader_.received() >= spool_->written()) return {};
    if (!deadline && ctx_.cancel.cancelled()) deadline = steady_clock::now() + kGrace;
    if (deadline && steady_clock::now() >= *deadline) {
      return Error(ErrorCode::cancelled, "the storage did not take in what is in the spool");
    }
    if (uploader_.is_full()) std::this_thread::sleep_for(kPoll);
  }
}

Result<void> WalIntake::finish(bool at_once) {
  const auto begun = steady_clock::now();
  std::optional<steady_clock::time_point> deadline;
  if (at_once) deadline = begun + kGrace;
  const Result<void> drained = spool_ ? drain(deadline) : Result<void>();
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(begun + kGrace - steady_clock::now());
  const bool hurry = at_once || !drained;
  const auto stored = uploader_.finish(hurry ? std::max(left, std::chrono::milliseconds(0)) : kGrace, hurry);
  DRKIT_TRY(drained);
  DRKIT_TRY(stored);
  // All of it is stored: what the spool still holds of the last segment is no longer needed.
  if (spool_) DRKIT_TRY(store_left_over(ctx_, archive_, spool_directory_));
  return {};
}

}  // namespace drkit::systems::postgres
