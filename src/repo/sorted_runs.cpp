#include "repo/sorted_runs.hpp"

#include <algorithm>
#include <queue>

#include "base/text_file.hpp"

namespace drkit::repo {
namespace {

constexpr std::size_t kBlockRows = 64;
constexpr std::size_t kMaxRuns = 6;
static_assert(std::is_trivially_copyable_v<IndexRow>);

std::uint64_t prefix_of(const format::ChunkId& id) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | std::to_integer<std::uint64_t>(id[i]);
  return value;
}

bool id_less(const IndexRow& a, const IndexRow& b) { return a.id < b.id; }

std::span<std::byte> bytes_of(std::span<IndexRow> rows) { return std::as_writable_bytes(rows); }

}  // namespace

/// Writes rows that come in order into an unlinked file.
class SortedRuns::RunWriter {
 public:
  static Result<RunWriter> create(const std::string& directory) {
    RunWriter writer;
    DRKIT_ASSIGN(writer.run_.file, base::open_spool_file(directory));
    writer.directory_ = directory;
    return writer;
  }
  Result<void> add(const IndexRow& row) {
    if (run_.rows % kBlockRows == 0) run_.fence.push_back(prefix_of(row.id));
    ++run_.rows;
    pending_.push_back(row);
    return pending_.size() < 16 * kBlockRows ? Result<void>() : flush();
  }
  Result<Run> finish() {
    DRKIT_TRY(flush());
    return std::move(run_);
  }

 private:
  Result<void> flush() {
    DRKIT_TRY(base::write_full(run_.file.get(), bytes_of(pending_), directory_));
    pending_.clear();
    return {};
  }
  Run run_;
  std::string directory_;
  std::vector<IndexRow> pending_;
};

/// Reads the rows of a run in order.
class SortedRuns::RunReader {
 public:
  explicit RunReader(const Run& run) : run_(&run) {}
  /// Null at the end.
  Result<const IndexRow*> peek() {
    if (position_ == block_.size()) DRKIT_TRY(load());
    return position_ == block_.size() ? nullptr : &block_[position_];
  }
  void advance() { ++position_; }

 private:
  Result<void> load() {
    const std::uint64_t rows = std::min<std::uint64_t>(run_->rows - next_, 8 * kBlockRows);
    block_.resize(static_cast<std::size_t>(rows));
    position_ = 0;
    DRKIT_ASSIGN(const std::size_t got,
                 base::pread_full(run_->file.get(), bytes_of(block_), next_ * sizeof(IndexRow), "index spool"));
    if (got != rows * sizeof(IndexRow)) return Error(ErrorCode::io, "index spool is shorter than written");
    next_ += rows;
    return {};
  }
  const Run* run_;
  std::vector<IndexRow> block_;
  std::size_t position_ = 0;
  std::uint64_t next_ = 0;
};

Result<void> SortedRuns::add(const IndexRow& row) {
  memory_.emplace(row.id, row.location);
  if (memory_.size() < rows_in_memory_) return {};
  DRKIT_TRY(spill());
  return runs_.size() > kMaxRuns ? merge_all() : Result<void>();
}

Result<void> SortedRuns::spill() {
  std::vector<IndexRow> rows;
  rows.reserve(memory_.size());
  for (const auto& [id, location] : memory_) rows.push_back({id, location});
  std::sort(rows.begin(), rows.end(), id_less);
  DRKIT_ASSIGN(RunWriter writer, RunWriter::create(directory_));
  for (const IndexRow& row : rows) DRKIT_TRY(writer.add(row));
  DRKIT_ASSIGN(Run run, writer.finish());
  runs_.push_back(std::move(run));
  memory_.clear();
  return {};
}

Result<void> SortedRuns::merge_all() {
  DRKIT_ASSIGN(RunWriter writer, RunWriter::create(directory_));
  std::vector<RunReader> readers(runs_.begin(), runs_.end());
  while (true) {
    RunReader* smallest = nullptr;
    const IndexRow* row = nullptr;
    for (RunReader& reader : readers) {
      DRKIT_ASSIGN(const IndexRow* candidate, reader.peek());
      if (candidate != nullptr && (row == nullptr || candidate->id < row->id)) {
        row = candidate;
        smallest = &reader;
      }
    }
    if (row == nullptr) break;
    DRKIT_TRY(writer.add(*row));
    smallest->advance();
  }
  DRKIT_ASSIGN(Run run, writer.finish());
  runs_.clear();
  runs_.push_back(std::move(run));
  return {};
}

Result<std::optional<Location>> SortedRuns::find(const format::ChunkId& id) const {
  if (const auto found = memory_.find(id); found != memory_.end()) return std::optional(found->second);
  std::vector<Location> found;
  for (const Run& run : runs_) {
    DRKIT_TRY(find_in(run, id, 1, found));
    if (!found.empty()) return std::optional(found.front());
  }
  return std::optional<Location>();
}

Result<std::vector<Location>> SortedRuns::find_all(const format::ChunkId& id, std::size_t limit) const {
  std::vector<Location> found;
  const auto [begin, end] = memory_.equal_range(id);
  for (auto it = begin; it != end && found.size() < limit; ++it) found.push_back(it->second);
  for (const Run& run : runs_) DRKIT_TRY(find_in(run, id, limit, found));
  return found;
}

// Appends what the run has of the id, until `found` has `limit`.
Result<void> SortedRuns::find_in(const Run& run, const format::ChunkId& id, std::size_t limit,
                                 std::vector<Location>& found) const {
  const std::uint64_t prefix = prefix_of(id);
  // Rows with this prefix may begin in the block before the first fence that is not below it.
  auto block = std::lower_bound(run.fence.begin(), run.fence.end(), prefix);
  if (block != run.fence.begin()) --block;
  for (; block != run.fence.end() && *block <= prefix && found.size() < limit; ++block) {
    const std::uint64_t first = static_cast<std::uint64_t>(block - run.fence.begin()) * kBlockRows;
    std::array<IndexRow, kBlockRows> rows;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kBlockRows, run.rows - first));
    DRKIT_ASSIGN(const std::size_t got, base::pread_full(run.file.get(), bytes_of(std::span(rows).first(count)),
                                                         first * sizeof(IndexRow), "index spool"));
    if (got != count * sizeof(IndexRow)) return Error(ErrorCode::io, "index spool is shorter than written");
    const auto end = rows.begin() + static_cast<std::ptrdiff_t>(count);
    auto row = std::lower_bound(rows.begin(), end, IndexRow{id, {}}, id_less);
    for (; row != end && row->id == id && found.size() < limit; ++row) found.push_back(row->location);
    if (row != end) return {};
  }
  return {};
}

}  // namespace drkit::repo
