#include "systems/postgres/local_tally.hpp"

#include <algorithm>

namespace drkit::systems::postgres {
namespace {

constexpr auto kLook = std::chrono::milliseconds(100);
constexpr std::size_t kNamedBlocks = 10;

std::string describe(const std::vector<std::uint32_t>& blocks, std::uint64_t count) {
  std::string text = count == 1 ? "bad page checksum in block" : "bad page checksum in blocks";
  const std::size_t named = std::min(blocks.size(), kNamedBlocks);
  for (std::size_t i = 0; i < named; ++i) text += (i == 0 ? " " : ", ") + std::to_string(blocks[i]);
  if (count > named) text += " and " + std::to_string(count - named) + " more";
  return text;
}

}  // namespace

void LocalTally::begin_file() {
  const std::lock_guard lock(mutex_);
  ++reading_;
}

void LocalTally::end_file(ManifestLine line, const PageReport& pages) {
  {
    const std::lock_guard lock(mutex_);
    --reading_;
    checked_ += pages.checked;
    torn_ += pages.torn_count;
    if (pages.torn_count + pages.wrong_count > 0) reports_.push_back({line.path, pages});
    lines_.push_back(std::move(line));
  }
  idle_.notify_all();
}

void LocalTally::abandon_file() {
  {
    const std::lock_guard lock(mutex_);
    --reading_;
    abandoned_ = true;
  }
  idle_.notify_all();
}

void LocalTally::add(ManifestLine line) {
  const std::lock_guard lock(mutex_);
  lines_.push_back(std::move(line));
}

Result<void> LocalTally::wait_until_idle(const Context& ctx) {
  std::unique_lock lock(mutex_);
  while (reading_ > 0 && !abandoned_) {
    DRKIT_TRY(ctx.check_cancelled());
    idle_.wait_for(lock, kLook);
  }
  if (abandoned_) return Error(ErrorCode::precondition_failed, "a file of the cluster was not read to its end");
  return {};
}

Result<void> LocalTally::take(const Context& ctx, std::size_t bytes) {
  if (bytes_per_second_ == 0) return {};
  std::chrono::nanoseconds pause{};
  {
    const std::lock_guard lock(mutex_);
    const auto now = ctx.clock->steady();
    free_from_ = std::max(free_from_, now);
    pause = free_from_ - now;
    free_from_ += std::chrono::nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(bytes_per_second_)));
  }
  return pause.count() > 0 ? ctx.clock->sleep_for(pause, ctx.cancel) : Result<void>();
}

std::vector<Problem> LocalTally::problems(Lsn end) const {
  const std::lock_guard lock(mutex_);
  std::vector<Problem> problems;
  for (const auto& [path, pages] : reports_) {
    std::vector<std::uint32_t> blocks = pages.wrong;
    std::uint64_t count = pages.wrong_count;
    for (const PageReport::TornPage& page : pages.torn) {
      if (page.lsn <= end) continue;
      blocks.push_back(page.block);
      ++count;
    }
    if (count > 0) problems.push_back({path, ErrorCode::corrupt, describe(blocks, count)});
  }
  std::sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) { return a.path < b.path; });
  return problems;
}

std::vector<ManifestLine> LocalTally::take_lines() {
  const std::lock_guard lock(mutex_);
  std::sort(lines_.begin(), lines_.end(), [](const ManifestLine& a, const ManifestLine& b) { return a.path < b.path; });
  return std::move(lines_);
}

std::uint64_t LocalTally::pages_checked() const {
  const std::lock_guard lock(mutex_);
  return checked_;
}

std::uint64_t LocalTally::pages_torn() const {
  const std::lock_guard lock(mutex_);
  return torn_;
}

}  // namespace drkit::systems::postgres
