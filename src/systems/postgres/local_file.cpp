#include "systems/postgres/local_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/file_identity.hpp"
#include "systems/postgres/page.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr int kAttempts = 5;  // to read a page that does not fit; the pauses between them double
constexpr auto kFirstPause = std::chrono::milliseconds(1);
constexpr std::uint64_t kAdviseBytes = 8 << 20;
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

class LocalFile final : public Stream {
 public:
  LocalFile(Entry entry, base::UniqueFd fd, std::optional<PageRules> rules, LocalTally& tally,
            const EarlierCluster* earlier)
      : entry_(std::move(entry)),
        fd_(std::move(fd)),
        rules_(rules),
        tally_(tally),
        earlier_(earlier),
        end_(entry_.size_bytes) {
    tally_.begin_file();
  }
  ~LocalFile() override {
    if (told_) return;
    // What nobody read is taken over from an earlier backup, with its checksum.
    const bool skipped = !read_;
    if (skipped) tally_.end_file({entry_.path, entry_.size_bytes, entry_.mtime_ns, known_crc_}, {});
    if (!skipped) tally_.abandon_file();
  }

  const Entry& entry() const override { return entry_; }
  Reuse compare(const Entry& earlier) override;
  void forget_earlier() override { same_below_ = 0; }
  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override;
  Result<void> close(const Context&) override;

 private:
  Result<std::span<std::byte>> load(const Context& ctx, std::span<std::byte> buffer);
  Result<ReadResult> next_run(const Context& ctx, std::span<std::byte> buffer);
  bool is_same_file(const Entry& earlier) const;
  bool is_same(std::size_t offset) const;
  std::size_t wanted(std::size_t room) const;
  Result<void> check_pages(const Context& ctx, std::span<std::byte> bytes);
  Result<void> doubt_page(const Context& ctx, std::byte* page, std::uint64_t offset, std::uint32_t block);

  Entry entry_;
  base::UniqueFd fd_;
  std::optional<PageRules> rules_;
  LocalTally& tally_;
  const EarlierCluster* earlier_;
  std::uint64_t position_ = 0;  ///< up to where the file was read
  std::uint64_t end_;
  Lsn same_below_ = 0;             ///< not 0: changed pages alone are given
  std::uint64_t earlier_end_ = 0;  ///< up to where the earlier backup has whole pages
  Bytes block_;                    ///< read, and given in part
  std::size_t block_size_ = 0, block_used_ = 0;
  std::optional<std::uint32_t> known_crc_;
  Crc32c crc_;
  PageReport pages_;
  bool read_ = false;
  bool told_ = false;
};

// Whole pages, so that none is looked at in two halves.
std::size_t LocalFile::wanted(std::size_t room) const {
  const std::uint64_t left = end_ - position_;
  if (left <= room) return static_cast<std::size_t>(left);
  return rules_ || same_below_ != 0 ? room / kPageBytes * kPageBytes : room;
}

// Not another one that came in its place with the same inode, such as a copy made by CREATE DATABASE, whose pages keep
// the positions that they had elsewhere.
bool LocalFile::is_same_file(const Entry& earlier) const {
  struct stat status;
  return entry_.fingerprint.inode == earlier.fingerprint.inode && earlier.fingerprint.inode != 0 &&
         entry_.fingerprint.device == earlier.fingerprint.device && ::fstat(fd_.get(), &status) == 0 &&
         knows_birth(entry_.fingerprint, status.st_dev);
}

Reuse LocalFile::compare(const Entry& earlier) {
  if (earlier_ == nullptr || earlier.type != EntryType::regular || earlier_->damaged.contains(entry_.path)) {
    return Reuse::none;
  }
  const auto known = earlier_->files.find(entry_.path);
  if (known == earlier_->files.end() || known->second.size_bytes != earlier.size_bytes) return Reuse::none;
  // A change time of 0 stands for one that was too fresh to prove anything.
  if (entry_.fingerprint.ctime_ns != 0 && is_unchanged(entry_, earlier)) {
    known_crc_ = known->second.crc32c;
    return Reuse::whole;
  }
  if (!is_same_file(earlier) || earlier_->unchanged_below == 0 || !pages_tell_changes(entry_.path)) return Reuse::none;
  same_below_ = earlier_->unchanged_below;
  earlier_end_ = earlier.size_bytes / kPageBytes * kPageBytes;
  return Reuse::parts;
}

// Reads the next bytes of the file, judges their pages and adds them to the checksum.
Result<std::span<std::byte>> LocalFile::load(const Context& ctx, std::span<std::byte> buffer) {
  DRKIT_TRY(ctx.check_cancelled());
  read_ = true;
  if (position_ >= end_) return buffer.first(0);
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
  return bytes;
}

Result<ReadResult> LocalFile::read(const Context& ctx, std::span<std::byte> buffer) {
  if (same_below_ != 0) return next_run(ctx, buffer);
  DRKIT_ASSIGN(const auto bytes, load(ctx, buffer));
  return ReadResult{bytes.size()};
}

// Whether the page of the block read last is as the earlier backup has it. A page without LSN may be one that was cut
// off and came back empty since.
bool LocalFile::is_same(std::size_t offset) const {
  const std::uint64_t place = position_ - block_size_ + offset;
  if (block_size_ - offset < kPageBytes || place + kPageBytes > earlier_end_) return false;
  const std::byte* page = block_.data() + offset;
  const Lsn lsn = page_lsn(page);
  if (lsn == 0 || lsn >= same_below_) return false;
  // A damaged page is kept as it is, not as it was.
  return pages_.wrong_count == 0 ||
         page_is_good(page, rules_->first_block + static_cast<std::uint32_t>(place / kPageBytes));
}

// Changed pages that lie together, or unchanged ones.
Result<ReadResult> LocalFile::next_run(const Context& ctx, std::span<std::byte> buffer) {
  if (block_used_ == block_size_) {
    block_.resize(kBlockBytes);
    DRKIT_ASSIGN(const auto bytes, load(ctx, block_));
    block_size_ = bytes.size();
    block_used_ = 0;
    if (bytes.empty()) return ReadResult{};
  }
  const std::size_t start = block_used_;
  const bool same = is_same(start);
  while (block_used_ < block_size_ && is_same(block_used_) == same) {
    const std::size_t step = std::min(kPageBytes, block_size_ - block_used_);
    if (!same && block_used_ - start + step > buffer.size()) break;
    block_used_ += step;
  }
  const std::size_t size = block_used_ - start;
  if (same) return ReadResult{0, 0, size};
  std::memcpy(buffer.data(), block_.data() + start, size);
  return ReadResult{size};
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
  if (position_ < end_ || block_used_ < block_size_) {
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
                                        LocalTally& tally, const EarlierCluster* earlier) {
  return std::make_unique<LocalFile>(std::move(entry), std::move(fd), rules, tally, earlier);
}

bool pages_tell_changes(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return relation_segment(path) && name.find('_') == std::string_view::npos;
}

std::unique_ptr<Stream> make_text_stream(Entry entry, std::string text, std::function<std::string()> more) {
  return std::make_unique<TextStream>(std::move(entry), std::move(text), std::move(more));
}

std::unique_ptr<Stream> make_bare_stream(Entry entry) { return make_text_stream(std::move(entry), {}); }

}  // namespace drkit::systems::postgres
