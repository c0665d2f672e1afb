#include "systems/postgres/local_wal.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "systems/postgres/local_file.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::string_view kFolder = "pg_wal/";
constexpr std::size_t kWalPageBytes = 8192;  // of builds with the usual block size
// Places in the header at the start of a segment; src/include/access/xlog_internal.h.
constexpr std::size_t kPageAddress = 8, kSystemId = 24, kSegmentSize = 32, kBlockSize = 36;

template <class Number>
Number load(const std::byte* bytes) {
  Number value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

Error lost(const std::string& name, std::string_view how) {
  return Error(ErrorCode::precondition_failed,
               "a WAL segment that the backup needs was " + std::string(how) +
                   " by the server; give the role a replication slot or raise wal_keep_size")
      .with("segment", name);
}

bool is_history(std::string_view name) {
  constexpr std::string_view kEnd = ".history";
  return name.size() == 8 + kEnd.size() && name.ends_with(kEnd);
}

class WalFile final : public Stream {
 public:
  WalFile(Entry entry, base::UniqueFd fd, Lsn first, const WalRules& rules, LocalTally& tally)
      : entry_(std::move(entry)), fd_(std::move(fd)), first_(first), rules_(rules), tally_(tally) {}
  const Entry& entry() const override { return entry_; }

  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override {
    DRKIT_TRY(ctx.check_cancelled());
    const auto left = entry_.size_bytes - position_;
    const std::size_t room = buffer.size() / kWalPageBytes * kWalPageBytes;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, room));
    if (size == 0) return ReadResult{};
    DRKIT_TRY(tally_.take(ctx, size));
    DRKIT_ASSIGN(const std::size_t got, base::pread_full(fd_.get(), buffer.first(size), position_, entry_.path));
    if (got < size) return lost(entry_.path, "cut");
    DRKIT_TRY(check(buffer.first(got)));
    position_ += got;
    return ReadResult{got, 0};
  }
  Result<void> close(const Context&) override { return fd_.close(entry_.path); }

 private:
  Result<void> check(ByteView bytes) {
    if (position_ == 0) {
      if (load<std::uint64_t>(bytes.data() + kSystemId) != rules_.system_id) return lost(entry_.path, "replaced");
      if (load<std::uint32_t>(bytes.data() + kSegmentSize) != rules_.segment_bytes)
        return lost(entry_.path, "replaced");
      usual_pages_ = load<std::uint32_t>(bytes.data() + kBlockSize) == kWalPageBytes;
    }
    for (std::size_t i = 0; i < bytes.size(); i += kWalPageBytes) {
      const Lsn address = first_ + position_ + i;
      const bool judged = address < rules_.range.end && (usual_pages_ || address == first_);
      if (judged && !is_in_place(load<std::uint64_t>(bytes.data() + i + kPageAddress), address)) {
        return lost(entry_.path, "recycled");
      }
    }
    return {};
  }

  // A segment that was switched away from before it was full ends with pages of nothing.
  bool is_in_place(std::uint64_t told, Lsn address) {
    const bool passed = first_ + rules_.segment_bytes <= rules_.range.end;
    after_switch_ = after_switch_ || (told == 0 && passed && address != first_);
    return told == (after_switch_ ? 0 : address);
  }

  Entry entry_;
  base::UniqueFd fd_;
  Lsn first_;  ///< position in the log where the segment begins
  WalRules rules_;
  LocalTally& tally_;
  std::uint64_t position_ = 0;
  bool usual_pages_ = false;
  bool after_switch_ = false;
};

Result<std::vector<std::string>> history_files(int root) {
  DRKIT_ASSIGN(base::UniqueFd fd, base::open_at(root, "pg_wal", O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd.get()), &::closedir);
  if (directory == nullptr) return base::errno_error(errno, "cannot read the folder", "pg_wal");
  fd.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* item = ::readdir(directory.get());
    if (item == nullptr) break;
    if (is_history(item->d_name)) names.emplace_back(item->d_name);
  }
  if (errno != 0) return base::errno_error(errno, "cannot read the folder", "pg_wal");
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Result<std::vector<std::string>> wal_files_for(int root, const WalRange& range, std::uint64_t segment_bytes) {
  DRKIT_ASSIGN(std::vector<std::string> names, history_files(root));
  const std::string own = history_file_name(range.timeline);
  if (range.timeline > 1 && std::find(names.begin(), names.end(), own) == names.end()) return lost(own, "removed");
  const std::uint64_t last = (range.end == range.start ? range.end : range.end - 1) / segment_bytes;
  for (std::uint64_t number = range.start / segment_bytes; number <= last; ++number) {
    names.push_back(wal_file_name({range.timeline, number}, segment_bytes));
  }
  return names;
}

Result<std::unique_ptr<Stream>> open_wal_file(int root, const std::string& name, Entry entry, const WalRules& rules,
                                              LocalTally& tally) {
  const std::string path = std::string(kFolder) + name;
  auto fd = base::open_at(root, path, O_RDONLY | O_NOFOLLOW);
  if (!fd.ok()) return fd.error().code() == ErrorCode::not_found ? lost(name, "removed") : fd.error();
  struct stat status;
  if (::fstat(fd->get(), &status) != 0) return base::errno_error(errno, "cannot look at the file", path);
  entry.path = path;
  entry.mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  entry.size_bytes = static_cast<std::uint64_t>(status.st_size);
  const auto segment = parse_wal_file_name(name, rules.segment_bytes);
  if (segment && entry.size_bytes != rules.segment_bytes) return lost(name, "cut");
  if (segment) {
    return std::unique_ptr<Stream>(std::make_unique<WalFile>(std::move(entry), std::move(*fd),
                                                             segment->number * rules.segment_bytes, rules, tally));
  }
  std::string text(entry.size_bytes, '\0');
  DRKIT_ASSIGN(const std::size_t size,
               base::read_full(fd->get(), std::as_writable_bytes(std::span(text.data(), text.size())), path));
  text.resize(size);
  return make_text_stream(std::move(entry), std::move(text));
}

}  // namespace drkit::systems::postgres
