#include "repo/record_sorter.hpp"

#include <algorithm>
#include <utility>

#include <drkit/spi/source.hpp>

#include "base/text_file.hpp"

namespace drkit::repo {
namespace {

constexpr std::size_t kItemOverhead = 96;  // of the vectors and strings that hold one
constexpr std::size_t kFlushBytes = std::size_t{1} << 20;

}  // namespace

bool RecordSorter::before(const Item& a, const Item& b) { return entry_path_less(a.path, b.path); }

Result<void> RecordSorter::add(const format::Record& record) {
  base::ByteWriter out;
  format::encode_record(out, record, "");
  Item item{record.entry.path, out.take()};
  used_ += item.path.size() + item.encoded.size() + kItemOverhead;
  items_.push_back(std::move(item));
  return used_ > memory_bytes_ ? spill() : Result<void>();
}

Result<void> RecordSorter::spill() {
  std::sort(items_.begin(), items_.end(), before);
  if (!spool_) {
    DRKIT_ASSIGN(spool_, base::open_spool_file(directory_));
  }
  Run run;
  run.position = spool_bytes_;
  base::ByteWriter out;
  for (const Item& item : items_) {
    base::ByteWriter body;
    body.text(item.path);
    body.blob(item.encoded);
    out.u32(static_cast<std::uint32_t>(body.size()));
    out.raw(body.view());
    if (out.size() < kFlushBytes && &item != &items_.back()) continue;
    DRKIT_TRY(base::pwrite_full(spool_.get(), out.view(), spool_bytes_, directory_));
    spool_bytes_ += out.size();
    out.clear();
  }
  run.end = spool_bytes_;
  runs_.push_back(std::move(run));
  items_.clear();
  used_ = 0;
  return {};
}

Result<void> RecordSorter::finish() {
  std::sort(items_.begin(), items_.end(), before);
  for (Run& run : runs_) DRKIT_TRY(advance(run));
  DRKIT_ASSIGN(pending_, next_item());
  return {};
}

Result<void> RecordSorter::advance(Run& run) {
  run.head.reset();
  if (run.position == run.end) return {};
  Bytes length_bytes(4);
  DRKIT_TRY(base::pread_full(spool_.get(), length_bytes, run.position, directory_));
  const std::uint32_t length = base::ByteReader(length_bytes).u32();
  Bytes body(length);
  DRKIT_ASSIGN(const std::size_t got, base::pread_full(spool_.get(), body, run.position + 4, directory_));
  run.position += 4 + std::uint64_t{length};
  base::ByteReader in(body);
  Item item;
  item.path = in.text();
  const ByteView encoded = in.blob();
  item.encoded.assign(encoded.begin(), encoded.end());
  if (got != length || !in.done()) return Error(ErrorCode::io, "sort spool differs from what was written");
  run.head = std::move(item);
  return {};
}

Result<std::optional<RecordSorter::Item>> RecordSorter::next_item() {
  Run* smallest = nullptr;
  for (Run& run : runs_) {
    if (run.head && (smallest == nullptr || before(*run.head, *smallest->head))) smallest = &run;
  }
  const bool from_memory = next_ < items_.size() && (smallest == nullptr || before(items_[next_], *smallest->head));
  if (from_memory) return std::optional(std::move(items_[next_++]));
  if (smallest == nullptr) return std::optional<Item>();
  Item item = std::move(*smallest->head);
  DRKIT_TRY(advance(*smallest));
  return std::optional(std::move(item));
}

Result<std::optional<format::Record>> RecordSorter::next() {
  if (!pending_) return std::optional<format::Record>();
  DRKIT_ASSIGN(std::optional<Item> following, next_item());
  if (following && following->path == pending_->path) {
    return Error(ErrorCode::internal, "the source named an entry twice").with("path", following->path);
  }
  const Item item = *std::exchange(pending_, std::move(following));
  base::ByteReader in(item.encoded);
  DRKIT_ASSIGN(format::Record record, format::decode_record(in, ""));
  return std::optional(std::move(record));
}

}  // namespace drkit::repo
