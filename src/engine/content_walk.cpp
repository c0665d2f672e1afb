#include "engine/content_walk.hpp"

#include <algorithm>

namespace drkit::engine {
namespace {

constexpr std::size_t kMaxSteps = 4096;
constexpr std::size_t kMaxJobChunks = 1024;  // a file may name one chunk for ever

}  // namespace

ContentWalk::ContentWalk(const Context& ctx, SnapshotReader reader, std::vector<ContentObserver*> observers,
                         const FindingSink& report)
    : ctx_(ctx),
      reader_(std::move(reader)),
      observers_(std::move(observers)),
      report_(report),
      buffers_(reader_.impl->budget.frames_in_flight + 2),
      pool_(reader_.impl->budget.threads, reader_.impl->budget.frames_in_flight + 1,
            [this](unsigned, Job&& job) { return open(std::move(job)); }) {}

ContentWalk::Opened ContentWalk::open(Job&& job) {
  Opened out;
  out.frame = job.frame;
  out.plain = buffers_.take();
  const auto open_frame = [&]() -> Result<void> {
    DRKIT_ASSIGN(const Bytes sealed,
                 reader_.chunks->fetch(ctx_, job.frame.pack, job.frame.offset, job.frame.sealed_bytes));
    return reader_.chunks->open_frame(job.frame, sealed, out.plain);
  };
  out.result = open_frame();
  if (!out.result) return out;
  for (const Wanted& chunk : job.chunks) {
    const bool inside = chunk.offset + std::uint64_t{chunk.bytes} <= out.plain.size();
    out.verified.push_back(
        inside ? reader_.chunks->verify(chunk.id, out.plain.view().subspan(chunk.offset, chunk.bytes), job.frame.pack)
               : format::corrupt("pack", "its directory and its frame disagree"));
  }
  return out;
}

Result<void> ContentWalk::add(const format::Record& record) {
  const auto entry = std::make_shared<const Entry>(record.entry);
  steps_.push_back({.kind = Step::Kind::begin, .entry = entry, .message = {}});
  std::uint64_t position = 0;
  const auto visited = repo::visit_extents(
      ctx_, *reader_.chunks, record, [&](std::uint64_t offset, const format::Extent& extent) -> Result<void> {
        if (offset > position) {
          steps_.push_back({.kind = Step::Kind::hole, .entry = entry, .bytes = offset - position, .message = {}});
        }
        position = offset + extent.length_bytes;
        DRKIT_TRY(add_piece(entry, extent));
        return steps_.size() > kMaxSteps ? take_steps(kMaxSteps / 2) : Result<void>();
      });
  if (!visited && visited.error().code() != ErrorCode::corrupt) return visited;
  if (!visited) {
    steps_.push_back({.kind = Step::Kind::lost, .entry = entry, .message = visited.error().to_string()});
  } else if (position < entry->size_bytes) {
    steps_.push_back({.kind = Step::Kind::hole, .entry = entry, .bytes = entry->size_bytes - position, .message = {}});
  }
  steps_.push_back({.kind = Step::Kind::end, .entry = entry, .message = {}});
  return steps_.size() > kMaxSteps ? take_steps(kMaxSteps / 2) : Result<void>();
}

Result<void> ContentWalk::add_piece(std::shared_ptr<const Entry> entry, const format::Extent& extent) {
  ++chunk_count_;
  const auto location =
      reader_.chunks->locate(ctx_, extent.chunk, std::uint64_t{extent.chunk_offset} + extent.length_bytes);
  if (!location && location.error().code() != ErrorCode::corrupt) return location.error();
  const bool fits = location && extent.length_bytes <= location->plain_bytes &&
                    extent.chunk_offset <= location->plain_bytes - extent.length_bytes;
  if (!fits) {
    const std::string message = location ? "manifest: an extent exceeds its chunk" : location.error().to_string();
    steps_.push_back({.kind = Step::Kind::lost, .entry = std::move(entry), .message = message});
    return {};
  }
  const repo::FrameRef frame = repo::FrameRef::of(*location);
  const bool complete = job_.frame != frame || job_.chunks.size() >= kMaxJobChunks;
  if (!job_.chunks.empty() && complete) DRKIT_TRY(push_job());
  job_.frame = frame;
  job_.chunks.push_back({extent.chunk, location->chunk_offset, location->plain_bytes});
  steps_.push_back({.kind = Step::Kind::piece,
                    .entry = std::move(entry),
                    .job = jobs_pushed_,
                    .chunk = job_.chunks.size() - 1,
                    .piece_offset = location->chunk_offset + extent.chunk_offset,
                    .id = extent.chunk,
                    .chunk_offset = extent.chunk_offset,
                    .bytes = extent.length_bytes,
                    .message = {}});
  return {};
}

Result<void> ContentWalk::push_job() {
  if (job_.chunks.empty()) return {};
  while (pool_.full()) {
    // The step in front may need no job: going on until the pool has room.
    DRKIT_TRY(take_steps(steps_.size() - 1));
  }
  pool_.push(std::exchange(job_, {}));
  ++jobs_pushed_;
  return {};
}

// Takes steps from the front until at most `keep` are left.
Result<void> ContentWalk::take_steps(std::size_t keep) {
  while (steps_.size() > keep) {
    const Step step = std::move(steps_.front());
    if (step.kind == Step::Kind::piece && step.job == jobs_pushed_) {
      DRKIT_TRY(push_job());
    }
    steps_.pop_front();
    DRKIT_TRY(take(step));
  }
  return {};
}

Result<void> ContentWalk::take(const Step& step) {
  DRKIT_TRY(ctx_.check_cancelled());
  switch (step.kind) {
    case Step::Kind::begin:
      readable_ = true;
      for (ContentObserver* observer : observers_) observer->begin_file(*step.entry);
      break;
    case Step::Kind::hole:
      return give_zeros(step.bytes);
    case Step::Kind::piece:
      while (jobs_taken_ <= step.job) {
        buffers_.give(std::move(current_.plain));
        current_ = std::move(*pool_.pop(true));
        ++jobs_taken_;
        const bool could_not_look = !current_.result && current_.result.error().code() != ErrorCode::corrupt;
        if (could_not_look) return current_.result;
      }
      return take_piece(step);
    case Step::Kind::lost:
      lose(*step.entry, Error(ErrorCode::corrupt, step.message));
      break;
    case Step::Kind::end:
      for (ContentObserver* observer : observers_) observer->end_file(*step.entry, readable_, report_);
      break;
  }
  return {};
}

Result<void> ContentWalk::take_piece(const Step& step) {
  if (!current_.result) return take_other_copy(step, current_.result.error());
  const Result<void>& verified = current_.verified[step.chunk];
  if (!verified) return take_other_copy(step, verified.error());
  const ByteView piece = current_.plain.view().subspan(step.piece_offset, static_cast<std::size_t>(step.bytes));
  for (ContentObserver* observer : observers_) observer->data(piece);
  return {};
}

// A bad copy is damage, also where a good one keeps the file readable.
Result<void> ContentWalk::take_other_copy(const Step& step, const Error& why) {
  const bool readable_before = readable_;
  lose(*step.entry, why);
  const auto chunk = reader_.chunks->read_elsewhere(ctx_, step.id, current_.frame, why);
  if (!chunk) return chunk.error().code() == ErrorCode::corrupt ? Result<void>() : Result<void>(chunk.error());
  if (step.bytes > chunk->size() || step.chunk_offset > chunk->size() - step.bytes) return {};
  const ByteView piece = ByteView(*chunk).subspan(step.chunk_offset, static_cast<std::size_t>(step.bytes));
  for (ContentObserver* observer : observers_) observer->data(piece);
  readable_ = readable_before;
  return {};
}

Result<void> ContentWalk::give_zeros(std::uint64_t count) {
  static const Bytes kZeros(std::size_t{256} << 10);
  while (count > 0) {
    DRKIT_TRY(ctx_.check_cancelled());
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, kZeros.size()));
    for (ContentObserver* observer : observers_) observer->data(ByteView(kZeros).first(part));
    count -= part;
  }
  return {};
}

void ContentWalk::lose(const Entry& entry, const Error& error) {
  readable_ = false;
  report_({Severity::damage, "chunk_damaged", entry.path, error.to_string()});
}

Result<void> ContentWalk::finish() { return take_steps(0); }

}  // namespace drkit::engine
