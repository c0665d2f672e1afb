#include "systems/postgres/local_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/page.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr int kAttempts = 5;  // to read a page that does not fit; the pauses between them double
constexpr auto kFirstPause = std::chrono::milliseconds(1);
constexpr std::uint64_t kAdviseBytes = 8 << 20;

class LocalFile final : public Stream {
 public:
  LocalFile(Entry entry, base::UniqueFd fd, std::optional<PageRules> rules, LocalTally& tally)
      : entry_(std::move(entry)), fd_(std::move(fd)), rules_(rules), tally_(tally), end_(entry_.size_bytes) {
    tally_.begin_file();
  }
  ~LocalFile() override {
    if (told_) return;
    // What nobody read is taken over from an earlier backup, so only its checksum is unknown.
    const bool skipped = !read_;
    if (skipped) tally_.end_file({entry_.path, entry_.size_bytes, entry_.mtime_ns, {}}, {});
    if (!skipped) tally_.abandon_file();
  }

  const Entry& entry() const override { return entry_; }
  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override;
  Result<void> close(const Context&) override;

 private:
  std::size_t wanted(std::size_t room) const;
  Result<void> check_pages(const Context& ctx, std::span<std::byte> bytes);
  Result<void> doubt_page(const Context& ctx, std::byte* page, std::uint64_t offset, std::uint32_t block);

  Entry entry_;
  base::UniqueFd fd_;
  std::optional<PageRules> rules_;
  LocalTally& tally_;
  std::uint64_t position_ = 0;
  std::uint64_t end_;
  Crc32c crc_;
  PageReport pages_;
  bool read_ = false;
  bool told_ = false;
};

// Whole pages, so that none is looked at in two halves.
std::size_t LocalFile::wanted(std::size_t room) const {
  const std::uint64_t left = end_ - position_;
  if (left <= room) return static_cast<std::size_t>(left);
  return rules_ ? room / kPageBytes * kPageBytes : room;
}

Result<ReadResult> LocalFile::read(const Context& ctx, std::span<std::byte> buffer) {
  DRKIT_TRY(ctx.check_cancelled());
  read_ = true;
  if (position_ >= end_) return ReadResult{};
  if (position_ == 0 && end_ > buffer.size()) {
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    ::posix_fadvise(fd_.get(), 0, static_cast<off_t>(std::min(end_, kAdviseBytes)), POSIX_FADV_WILLNEED);
  }
  const std::size_t size = wanted(buffer.size());
  DRKIT_TRY(tally_.take(ctx, size));
  DRKIT_ASSIGN(const std::size_t got, base::pread_full(fd_.get(), buffer.first(size), position_, entry_.path));
  // The server cut the file: recovery cuts it too, or fills it again.
  if (got < size) end_ = position_ + got;
  const auto bytes = buffer.first(got);
  if (rules_) DRKIT_TRY(check_pages(ctx, bytes));
  crc_.update(bytes);
  position_ += got;
  return ReadResult{got, 0};
}

Result<void> LocalFile::check_pages(const Context& ctx, std::span<std::byte> bytes) {
  const std::uint64_t first = position_ / kPageBytes;
  for (std::size_t i = 0; (i + 1) * kPageBytes <= bytes.size(); ++i) {
    std::byte* page = bytes.data() + i * kPageBytes;
    const auto block = static_cast<std::uint32_t>(rules_->first_block + first + i);
    ++pages_.checked;
    if (!page_is_good(page, block)) DRKIT_TRY(doubt_page(ctx, page, (first + i) * kPageBytes, block));
  }
  return {};
}

// A page caught while the server wrote it is whole a moment later.
Result<void> LocalFile::doubt_page(const Context& ctx, std::byte* page, std::uint64_t offset, std::uint32_t block) {
  auto pause = kFirstPause;
  const bool patient = pages_.wrong_count < PageReport::kMaxListed;
  for (int attempt = 1; attempt < kAttempts && patient; ++attempt, pause *= 2) {
    DRKIT_TRY(ctx.clock->sleep_for(pause, ctx.cancel));
    Bytes again(kPageBytes);
    DRKIT_ASSIGN(const std::size_t got, base::pread_full(fd_.get(), again, offset, entry_.path));
    if (got < kPageBytes) return {};  // cut away meanwhile
    std::memcpy(page, again.data(), kPageBytes);
    if (page_is_good(page, block)) return {};
  }
  if (page_lsn(page) >= rules_->start) {
    ++pages_.torn_count;
    if (pages_.torn.size() < PageReport::kMaxListed) pages_.torn.push_back({block, page_lsn(page)});
    return {};
  }
  ++pages_.wrong_count;
  if (pages_.wrong.size() < PageReport::kMaxListed) pages_.wrong.push_back(block);
  return {};
}

Result<void> LocalFile::close(const Context&) {
  if (told_) return {};
  if (position_ < end_) {
    return Error(ErrorCode::precondition_failed, "the file was not read to its end").with("path", entry_.path);
  }
  told_ = true;
  tally_.end_file({entry_.path, position_, entry_.mtime_ns, crc_.value()}, pages_);
  return fd_.close(entry_.path);
}

class TextStream final : public Stream {
 public:
  TextStream(Entry entry, std::string text, std::function<std::string()> more)
      : entry_(std::move(entry)), text_(std::move(text)), more_(std::move(more)) {}
  const Entry& entry() const override { return entry_; }
  Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
    if (used_ == text_.size() && more_) {
      text_ = more_();
      used_ = 0;
    }
    const std::size_t count = std::min(buffer.size(), text_.size() - used_);
    if (count > 0) std::memcpy(buffer.data(), text_.data() + used_, count);
    used_ += count;
    return ReadResult{count, 0};
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  Entry entry_;
  std::string text_;
  std::size_t used_ = 0;
  std::function<std::string()> more_;
};

}  // namespace

std::unique_ptr<Stream> make_local_file(Entry entry, base::UniqueFd fd, std::optional<PageRules> rules,
                                        LocalTally& tally) {
  return std::make_unique<LocalFile>(std::move(entry), std::move(fd), rules, tally);
}

std::unique_ptr<Stream> make_text_stream(Entry entry, std::string text, std::function<std::string()> more) {
  return std::make_unique<TextStream>(std::move(entry), std::move(text), std::move(more));
}

std::unique_ptr<Stream> make_bare_stream(Entry entry) { return make_text_stream(std::move(entry), {}); }

}  // namespace drkit::systems::postgres
