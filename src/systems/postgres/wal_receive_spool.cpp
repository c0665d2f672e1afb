#include "systems/postgres/wal_receive_spool.hpp"

#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <tuple>

#include "base/byte_io.hpp"
#include "systems/postgres/wal_pieces.hpp"
#include "systems/postgres/wal_segment.hpp"
#include "systems/postgres/wal_spool.hpp"

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".received", kLock = ".lock";
constexpr std::uint64_t kMostBytes = 64ULL << 20;
constexpr std::size_t kLeastBytes = 40;              ///< the head of a first page
constexpr std::uint64_t kMostReserve = 1ULL << 30;   ///< of a disk that others use, too
constexpr std::uint64_t kReservePart = 20;           ///< of a small one: a twentieth
constexpr std::uint64_t kMostUnsynced = 1ULL << 20;  ///< a stream that never pauses is told of its progress, too

// "SYSTEM-TIMELINE-START-BYTES.received", decimal.
std::optional<WalName> parse_name(std::string_view text) {
  if (!text.ends_with(kSuffix)) return std::nullopt;
  text.remove_suffix(kSuffix.size());
  std::uint64_t numbers[4] = {};
  for (std::uint64_t& number : numbers) {
    const std::string_view part = text.substr(0, text.find('-'));
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (part.empty() || error != std::errc() || end != part.data() + part.size()) return std::nullopt;
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  const auto [system_id, timeline, start, size] = numbers;
  if (!text.empty() || timeline == 0 || timeline > 0xFFFFFFFF || !is_wal_segment_size(size) || start % size != 0) {
    return std::nullopt;
  }
  return WalName{WalKind::segment, system_id, static_cast<TimelineId>(timeline), start, start + size};
}

// A machine that lost power may have kept the length of a file and not its last bytes. Only the last file is at risk,
// and of it everything that was acknowledged is whole records.
Result<std::size_t> trusted_bytes(ByteView bytes, const WalName& segment, bool last) {
  if (!last && bytes.size() == segment.end - segment.start) return bytes.size();
  const bool unwritten = std::all_of(bytes.begin(), bytes.end(), [](std::byte each) { return each == std::byte{0}; });
  if (unwritten || bytes.size() < kLeastBytes) return std::size_t{0};
  DRKIT_ASSIGN(const WalScan scan, scan_wal(bytes, [](const WalMark&) { return true; }));
  const bool whole = bytes.size() == segment.end - segment.start && (scan.cut || scan.end >= segment.end);
  return whole ? bytes.size() : std::min(bytes.size(), static_cast<std::size_t>(scan.end - segment.start));
}

Result<void> store_file(const Context& ctx, const WalArchive& archive, const WalName& segment, const std::string& path,
                        bool last) {
  DRKIT_ASSIGN(StableFile file, read_stable(path, kMostBytes));
  DRKIT_ASSIGN(const std::size_t size, trusted_bytes(file.bytes, segment, last));
  file.bytes = file.bytes.first(size);
  if (size == segment.end - segment.start) {
    DRKIT_ASSIGN(const WalFacts facts, facts_of_segment(file.bytes));
    DRKIT_TRY(archive.put(ctx, segment, file.bytes, facts));
    return {};
  }
  DRKIT_ASSIGN(const std::vector<WalObject> near,
               archive.list_near(ctx, segment.system_id, segment.timeline, segment.start));
  const bool whole = std::any_of(near.begin(), near.end(), [&](const WalObject& each) { return each.name == segment; });
  const std::vector<WalName> known = chain_of_pieces(near, segment);
  const Lsn from = known.empty() ? segment.start : known.back().end, to = segment.start + size;
  if (whole || from >= to) return {};
  const ByteView rest = ByteView(file.bytes).subspan(static_cast<std::size_t>(from - segment.start));
  DRKIT_TRY(archive.put(ctx, {WalKind::piece, segment.system_id, segment.timeline, from, to}, rest));
  return {};
}

}  // namespace

std::string ReceiveSpool::path_of(Lsn start) const {
  return directory_ + "/" + std::to_string(name_.system_id) + "-" + std::to_string(name_.timeline) + "-" +
         std::to_string(start) + "-" + std::to_string(segment_bytes_) + std::string(kSuffix);
}

Result<void> ReceiveSpool::check_room() const {
  if (files_.empty()) return {};
  if (most_bytes_ != 0 && (files_.size() + 1) * segment_bytes_ > most_bytes_) {
    return Error(ErrorCode::no_space, "the spool holds as much as it may")
        .with("path", directory_)
        .with("limit_bytes", std::to_string(most_bytes_));
  }
  struct statvfs disk {};
  if (::statvfs(directory_.c_str(), &disk) != 0) return base::errno_error(errno, "statvfs", directory_);
  const std::uint64_t block = disk.f_frsize;
  const std::uint64_t reserve = std::min(kMostReserve, disk.f_blocks * block / kReservePart);
  if (disk.f_bavail * block >= reserve + segment_bytes_) return {};
  return Error(ErrorCode::no_space, "the disk of the spool is full but for its reserve")
      .with("path", directory_)
      .with("reserve_bytes", std::to_string(reserve));
}

// Room for the whole segment is taken at once where the file system can: a sync that finds none would cost the file.
Result<void> ReceiveSpool::open_segment(Lsn start) {
  DRKIT_TRY(sync());
  if (file_) DRKIT_TRY(file_.close());
  DRKIT_TRY(base::make_directories(directory_));
  DRKIT_TRY(check_room());
  const std::string path = path_of(start);
  DRKIT_ASSIGN(base::UniqueFd file, base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  if (::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(segment_bytes_)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT)) {
    const int reason = errno;
    DRKIT_TRY(base::unlink_at(AT_FDCWD, path));
    return base::errno_error(reason, "fallocate", path);
  }
  DRKIT_TRY(base::fsync_directory(directory_));
  // Zeros never make it as long as a segment: the length says that all of it came.
  file_ = base::AppendFile(std::move(file), path, segment_bytes_ - 1);
  file_start_ = start;
  files_.push_back(start);
  return {};
}

Result<void> ReceiveSpool::append(Lsn at, ByteView bytes) {
  if (at > written_) return Error(ErrorCode::corrupt, "the server left out a part of the log");
  if (at + bytes.size() <= written_) return {};
  bytes = bytes.subspan(static_cast<std::size_t>(written_ - at));
  while (!bytes.empty()) {
    const Lsn start = written_ / segment_bytes_ * segment_bytes_;
    if (!file_ || start != file_start_) DRKIT_TRY(open_segment(start));
    const auto room = static_cast<std::size_t>(start + segment_bytes_ - written_);
    const ByteView part = bytes.first(std::min(room, bytes.size()));
    DRKIT_TRY(file_.append(part));
    written_ += part.size();
    bytes = bytes.subspan(part.size());
  }
  return written_ - end_ < kMostUnsynced ? Result<void>() : sync();
}

Result<void> ReceiveSpool::sync() {
  if (written_ == end_) return {};
  DRKIT_TRY(file_.sync());
  end_ = written_;
  return {};
}

Result<std::size_t> ReceiveSpool::read(Lsn from, std::span<std::byte> out) {
  const Lsn start = from / segment_bytes_ * segment_bytes_;
  if (from >= written_) return std::size_t{0};
  if (!reader_ || reader_start_ != start) {
    DRKIT_ASSIGN(reader_, base::open_file(path_of(start), O_RDONLY | O_NOFOLLOW));
    reader_start_ = start;
  }
  const Lsn end = std::min({written_, start + segment_bytes_, from + out.size()});
  const auto wanted = static_cast<std::size_t>(end - from);
  DRKIT_ASSIGN(const std::size_t count,
               base::pread_full(reader_.get(), out.first(wanted), from - start, path_of(start)));
  if (count == wanted) return count;
  return Error(ErrorCode::io, "a file of the spool is shorter than what was written to it")
      .with("path", path_of(start));
}

Result<void> ReceiveSpool::forget_before(Lsn stored) {
  while (!files_.empty() && files_.front() + segment_bytes_ <= stored) {
    // Open, it would keep its room on the disk.
    if (reader_start_ == files_.front()) reader_ = {};
    DRKIT_TRY(base::unlink_at(AT_FDCWD, path_of(files_.front())));
    files_.pop_front();
  }
  return {};
}

namespace {

using Found = std::vector<std::pair<WalName, std::string>>;

Error cannot_read(const std::string& directory, const std::error_code& failed) {
  return Error(ErrorCode::io, "cannot read the spool").with("path", directory).with("os", failed.message());
}

Result<Found> files_in(const std::string& directory) {
  Found found;
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed); !failed && at != fs::directory_iterator(); at.increment(failed)) {
    if (const auto name = parse_name(at->path().filename().string())) found.emplace_back(*name, at->path().string());
  }
  if (failed && failed != std::errc::no_such_file_or_directory) return cannot_read(directory, failed);
  const auto order = [](const WalName& name) { return std::tuple(name.system_id, name.timeline, name.start); };
  std::sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return order(a.first) < order(b.first); });
  return found;
}

Result<std::uint64_t> store_files(const Context& ctx, const WalArchive& archive, const Found& found) {
  for (std::size_t at = 0; at < found.size(); ++at) {
    const auto& [name, path] = found[at];
    const bool last = at + 1 == found.size() || found[at + 1].first.system_id != name.system_id ||
                      found[at + 1].first.timeline != name.timeline;
    auto stored = store_file(ctx, archive, name, path, last);
    if (!stored) return std::move(stored).error().with("path", path);
    DRKIT_TRY(base::unlink_at(AT_FDCWD, path));
  }
  return found.size();
}

// Nothing while another process holds it.
Result<std::optional<base::UniqueFd>> try_lock(const std::string& folder) {
  const std::string path = folder + "/" + std::string(kLock);
  DRKIT_ASSIGN(base::UniqueFd file, base::open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return std::optional(std::move(file));
  if (errno == EWOULDBLOCK) return std::optional<base::UniqueFd>();
  return base::errno_error(errno, "lock", path);
}

// An earlier release's files say whose cluster they are of, but not whose repository.
Result<void> keep_known_clusters(const Context& ctx, const WalArchive& archive, Found& found) {
  if (found.empty()) return {};
  DRKIT_ASSIGN(const std::vector<WalObject> objects, archive.list(ctx, std::nullopt));
  if (objects.empty()) return {};
  std::erase_if(found, [&](const auto& file) {
    const bool known = std::any_of(objects.begin(), objects.end(), [&](const WalObject& object) {
      return object.name.system_id == file.first.system_id;
    });
    if (!known) ctx.write_log(LogLevel::warning, "received log of another cluster stays in the spool: " + file.second);
    return !known;
  });
  return {};
}

Result<std::uint64_t> store_older_layout(const Context& ctx, const WalArchive& archive, const std::string& spool) {
  DRKIT_ASSIGN(const auto lock, try_lock(spool));
  if (!lock) return std::uint64_t{0};
  DRKIT_ASSIGN(Found found, files_in(spool));
  DRKIT_TRY(keep_known_clusters(ctx, archive, found));
  return store_files(ctx, archive, found);
}

}  // namespace

Result<SpoolFolder> SpoolFolder::open(const std::string& spool, const std::string& repository_id,
                                      const std::string& slot) {
  std::string path = spool + "/" + repository_id + (slot.empty() ? "" : "-" + slot);
  DRKIT_TRY(base::make_directories(path));
  DRKIT_ASSIGN(auto lock, try_lock(path));
  if (lock) return SpoolFolder(spool, std::move(path), std::move(*lock));
  return Error(ErrorCode::precondition_failed, "another receiver for this repository uses this spool")
      .with("path", path);
}

Result<std::uint64_t> store_left_over(const Context& ctx, const WalArchive& archive, const std::string& directory) {
  DRKIT_ASSIGN(const Found found, files_in(directory));
  return store_files(ctx, archive, found);
}

Result<std::uint64_t> store_abandoned(const Context& ctx, const WalArchive& archive, const SpoolFolder& own) {
  const std::string& spool = own.spool();
  const std::string id = archive.repository().id();
  std::uint64_t count = 0;
  std::error_code failed;
  for (fs::directory_iterator at(spool, failed); !failed && at != fs::directory_iterator(); at.increment(failed)) {
    const std::string name = at->path().filename().string(), path = at->path().string();
    if ((name != id && !name.starts_with(id + "-")) || path == own.path() || !at->is_directory(failed)) continue;
    DRKIT_ASSIGN(const auto lock, try_lock(path));
    if (!lock) continue;
    DRKIT_ASSIGN(const std::uint64_t stored, store_left_over(ctx, archive, path));
    count += stored;
  }
  if (failed) return cannot_read(spool, failed);
  DRKIT_ASSIGN(const std::uint64_t older, store_older_layout(ctx, archive, spool));
  return count + older;
}

}  // namespace drkit::systems::postgres
