#include "engine/read_crew.hpp"

#include <algorithm>
#include <thread>
#include <vector>

#include "base/threads.hpp"

namespace drkit::engine {
namespace {

/// Results that wait for an earlier, larger file: bounds their memory.
constexpr std::size_t kMaxAhead = 2048;
/// Entries taken at once: threads that meet at a lock for each of them would wait more than work.
constexpr std::size_t kBatch = 64;
constexpr std::size_t kMaxExtentsAhead = 100'000;

bool has_content(const Entry& entry) { return entry.type == EntryType::regular || entry.type == EntryType::stream; }

Error name_entry(Error error, const std::string& path) {
  for (const auto& item : error.context()) {
    if (item.first == "path") return error;
  }
  return std::move(error).with("path", path);
}

}  // namespace

Result<void> ReadCrew::run(unsigned threads, const Deliver& deliver) {
  std::vector<std::thread> helpers;
  const auto work = [&] {
    auto done = base::without_throwing([&]() -> Result<void> {
      loop(deliver);
      return {};
    });
    if (!done) fail(std::move(done).error());
  };
  helpers.reserve(threads);
  for (unsigned i = 1; i < threads; ++i) {
    std::thread helper;
    if (base::start_thread(helper, work)) helpers.push_back(std::move(helper));
  }
  work();
  for (std::thread& helper : helpers) helper.join();
  if (failure_) return std::move(*failure_);
  return {};
}

void ReadCrew::loop(const Deliver& deliver) {
  Readers readers{FileReader(chunker_key_, chunks_, manifest_), FilePatcher(chunks_, manifest_)};
  while (true) {
    auto batch = take();
    if (!batch) return fail(std::move(batch).error());
    if (batch->empty()) return;
    Taken& last = batch->back();
    auto done = last.to_read ? read(readers, last) : Result<void>();
    std::unique_ptr<Stream> stream = std::move(last.stream);
    if (done) {
      stream.reset();
      done = hand_over(*batch, deliver);
    }
    if (!done) return fail(std::move(done).error(), std::move(stream));
  }
}

Result<std::vector<ReadCrew::Taken>> ReadCrew::take() {
  std::vector<Taken> batch;
  {
    std::unique_lock lock(delivery_mutex_);
    delivered_changed_.wait(
        lock, [&] { return failure_ || (waiting_.size() < kMaxAhead && waiting_extents_ < kMaxExtentsAhead); });
    if (failure_) return batch;
  }
  const std::lock_guard lock(source_mutex_);
  std::size_t extents = 0;
  while (batch.size() < kBatch && extents < kMaxExtentsAhead / kBatch && !ended_) {
    DRKIT_ASSIGN(std::optional<Taken> taken, take_one());
    if (!taken) break;
    extents += taken->result.record.content.extents.size();
    batch.push_back(std::move(*taken));
    if (batch.back().to_read) break;
    batch.back().stream.reset();
  }
  return batch;
}

Result<std::optional<ReadCrew::Taken>> ReadCrew::take_one() {
  DRKIT_TRY(ctx_.check_cancelled());
  Taken taken;
  DRKIT_ASSIGN(taken.stream, source_.next(ctx_));
  if (!taken.stream) {
    ended_ = true;
    return std::optional<Taken>();
  }
  taken.number = taken_++;
  Entry& entry = taken.result.record.entry;
  entry = taken.stream->entry();
  if (!format::clean_path(entry.path)) {
    return Error(ErrorCode::internal, "source names an entry outside its tree").with("path", entry.path);
  }
  taken.to_read = has_content(entry) && !entry.problem;
  DRKIT_TRY(compare_with_parent(taken));
  return std::optional(std::move(taken));
}

Result<void> ReadCrew::compare_with_parent(Taken& taken) {
  if (parent_ == nullptr || !taken.to_read) return {};
  format::Record& record = taken.result.record;
  DRKIT_ASSIGN(std::optional<Parent::Found> found, parent_->find(ctx_, *taken.stream, chunks_));
  if (!found) return {};
  if (!found->whole) {
    taken.earlier = std::move(found->file);
    return {};
  }
  record.content = std::move(found->record.content);
  record.entry.sha256 = found->record.entry.sha256;
  taken.result.unchanged = true;
  taken.to_read = false;
  return {};
}

Result<void> ReadCrew::read(Readers& readers, Taken& taken) {
  Entry& entry = taken.result.record.entry;
  bool source_failed = false;
  const auto& asked = info_.asks_again;
  readers.whole.remember_in(std::find(asked.begin(), asked.end(), entry.path) == asked.end() ? nullptr : draft_);
  const auto progress = [&](std::uint64_t bytes) { meter_.advance(entry.path, bytes, chunks_.bytes_stored()); };
  auto result = taken.earlier ? readers.parts.read(ctx_, *taken.stream, *taken.earlier, progress, source_failed)
                              : readers.whole.read(ctx_, *taken.stream, progress, source_failed);
  taken.earlier.reset();
  if (!result) {
    const bool partial =
        source_failed && info_.entry_errors_are_partial && result.error().code() != ErrorCode::cancelled;
    if (!partial) return name_entry(std::move(result).error(), entry.path);
    entry.problem = Problem{entry.path, result.error().code(), result.error().message()};
    return {};
  }
  taken.result.read = std::move(*result);
  taken.result.record.content = std::move(taken.result.read.content);
  entry.sha256 = taken.result.read.sha256;
  entry.size_bytes = taken.result.read.size_bytes;
  return {};
}

Result<void> ReadCrew::hand_over(std::vector<Taken>& batch, const Deliver& deliver) {
  const std::lock_guard lock(delivery_mutex_);
  for (Taken& taken : batch) {
    waiting_extents_ += taken.result.record.content.extents.size();
    waiting_.emplace(taken.number, std::move(taken.result));
  }
  while (!waiting_.empty() && waiting_.begin()->first == delivered_ && !failure_) {
    EntryResult result = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    waiting_extents_ -= result.record.content.extents.size();
    ++delivered_;
    DRKIT_TRY(deliver(std::move(result)));
  }
  delivered_changed_.notify_all();
  return {};
}

void ReadCrew::fail(Error error, std::unique_ptr<Stream> stream) {
  {
    const std::lock_guard lock(delivery_mutex_);
    if (!failure_) failure_ = std::move(error);
  }
  delivered_changed_.notify_all();
  // A source may be waiting in next() until its streams are gone.
  stream.reset();
  const std::lock_guard lock(source_mutex_);
  ended_ = true;
}

}  // namespace drkit::engine
