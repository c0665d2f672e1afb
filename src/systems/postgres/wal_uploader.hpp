// Received log on its way into the repository: pieces at once or in time, segments when they are full.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include <drkit/wal_receive.hpp>

#include "systems/postgres/patient_archive.hpp"
#include "systems/postgres/wal_names.hpp"
#include "systems/postgres/wal_tails.hpp"

namespace drkit::systems::postgres {

struct UploadStart {
  std::uint64_t system_id = 0;
  TimelineId timeline = 0;
  std::uint64_t segment_bytes = 0;
  Lsn start = 0;               ///< of a segment; everything before it is stored
  std::vector<WalName> known;  ///< pieces of that segment that the repository has, in a row from its start
};

/// One timeline's log, appended in order by one thread. Two threads of its own store it, one the pieces that commits
/// wait for, the other whole segments and what pieces become one; wake_fd (an eventfd, borrowed) becomes readable when
/// more of it is durable or storing failed. With a spool, which outlasts this, and reconnecting, a storage that cannot
/// be reached is no failure: it is tried again until finish() gives up. Times are those of the context's clock.
/// Thread-safety: append, offer and finish belong to one thread, the rest to any.
class WalUploader {
 public:
  WalUploader(const Context& ctx, const WalArchive& archive, UploadStart start, const WalReceiveOptions& options,
              int wake_fd);
  ~WalUploader();
  WalUploader(const WalUploader&) = delete;
  WalUploader& operator=(const WalUploader&) = delete;

  /// Waits while two full segments are still to be stored. Bytes that were appended before are passed over.
  /// Errors: that of storing, corrupt (log is missing between what came before and `at`).
  Result<void> append(Lsn at, ByteView bytes);
  /// As append, without waiting: received() tells how much of it had room.
  Result<void> offer(Lsn at, ByteView bytes);
  /// Whether append would wait.
  bool is_full() const;
  /// Adds what waits to the tail before it returns, where a commit waits and that is all there is to do: handing it to
  /// another thread and back takes as long as the disk. `quiet`: nothing more is at hand that could go with it.
  void store_here(bool quiet);
  /// Whether store_here(true) would do anything.
  bool waits_for_here() const;
  Lsn received() const;
  Lsn durable() const;
  Result<void> state() const;
  /// Stores everything that was received and ends the threads. Once the caller has cancelled, or from now on with
  /// `at_once`, what is not stored within the grace is given up. Errors: that of storing, cancelled (given up).
  Result<void> finish(std::chrono::milliseconds grace = std::chrono::seconds(10), bool at_once = false);

  std::uint64_t segments() const { return segments_; }
  std::uint64_t pieces() const { return pieces_; }

 private:
  struct Piece {
    WalName name;
    unsigned level = 0;
  };
  struct Tail {
    Lsn start = 0, end = 0;
    bool full = false;  ///< one piece may replace it: nothing is added any more
    bool own = true;    ///< else somebody may add to it still, and not what is in the segment
  };
  struct Segment {
    Lsn start = 0;
    Bytes bytes;
    std::size_t filled = 0;                                              ///< bytes before it never change again
    Lsn piece_end = 0;                                                   ///< stored in a row from the start
    std::optional<std::chrono::steady_clock::time_point> waiting_since;  ///< of the oldest byte that no put has taken
    std::vector<Piece> pieces;                                           ///< by start
    std::vector<Tail> tails;
    std::vector<WalName> known;  ///< of the thread that has it in work
    bool stored = false;
    bool in_work = false;  ///< a piece of it, or it, is being put
  };
  using SegmentPtr = std::shared_ptr<Segment>;
  using Lock = std::unique_lock<std::mutex>;

  bool can_store_here() const;
  void run_pieces();
  void run_segments();
  Result<void> check_joined(Lsn at) const;
  void take_in(ByteView& bytes);
  bool wants_piece(const Segment& segment) const;
  bool is_due(const Segment& segment) const;
  void wait_until_due(Lock& lock, const Segment& segment);
  SegmentPtr next_for_piece(Lock& lock, Lsn& from, Lsn& to);
  Result<void> store_piece(Segment& segment, Lsn from, Lsn to);
  bool wants_segment() const;
  SegmentPtr next_for_merge(std::vector<Piece>& pieces) const;
  Result<void> merge(Segment& segment, const std::vector<Piece>& pieces);
  std::optional<Tail> next_full_tail() const;
  Result<void> replace(Segment& segment, const Tail& tail);
  void remember(Segment& segment, const WalName& name);
  bool add_to_tail(Segment& segment, Lsn from, Lsn to);
  ByteView bytes_of(const Segment& segment, Lsn from, Lsn to) const;
  void report_whole(Segment& segment);
  void finish_work(Segment& segment, const Result<void>& done);
  Result<void> compare_known(Segment& segment, std::size_t filled);
  Result<void> store_segment(Segment& segment);
  Result<void> drop(const std::vector<Piece>& pieces);
  Result<void> drop(const Segment& segment, const std::vector<Tail>& tails);
  WalName name_of(WalKind kind, Lsn start, Lsn end) const;
  SegmentPtr make_segment(Lsn start) const;
  void advance();
  void wake() const;
  void wake_all();
  void end_thread();

  Context ctx_;               ///< its token ends puts under way
  const CancelToken caller_;  ///< ends only receiving
  PatientArchive archive_;
  TailWriter tail_writer_{archive_};  ///< of whoever has a segment's piece in work
  const UploadStart start_;
  const bool synchronous_;
  const bool in_pieces_;  ///< also of segments that are full: they are stored whole afterwards
  const std::chrono::milliseconds store_every_;
  const std::uint64_t store_bytes_;
  const int wake_fd_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable work_of_segments_;  ///< there may be some: its thread is not woken by every message
  std::deque<SegmentPtr> open_;               ///< not wholly stored, oldest first; the last one grows
  Lsn received_ = 0;
  Lsn durable_ = 0;
  bool tail_goes_on_ = false;  ///< the growing segment's: synchronous pieces are left to store_here
  bool finishing_ = false;
  int running_ = 2;  ///< threads
  std::optional<Error> error_;
  std::atomic<std::uint64_t> segments_{0}, pieces_{0};
  std::thread piece_thread_, segment_thread_;
};

}  // namespace drkit::systems::postgres
