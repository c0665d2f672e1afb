#include "systems/postgres/wal_receive_spool.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/byte_io.hpp"
#include "systems/postgres/wal_pieces.hpp"
#include "systems/postgres/wal_segment.hpp"
#include "systems/postgres/wal_spool.hpp"

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".received";
constexpr std::uint64_t kMostBytes = 64ULL << 20;

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

Result<void> store_file(const Context& ctx, const WalArchive& archive, const WalName& segment,
                        const std::string& path) {
  DRKIT_ASSIGN(const StableFile file, read_stable(path, kMostBytes));
  if (file.bytes.size() == segment.end - segment.start) {
    DRKIT_ASSIGN(const WalFacts facts, facts_of_segment(file.bytes));
    DRKIT_TRY(archive.put(ctx, segment, file.bytes, facts));
    return {};
  }
  DRKIT_ASSIGN(const std::vector<WalObject> near,
               archive.list_near(ctx, segment.system_id, segment.timeline, segment.start));
  const bool whole = std::any_of(near.begin(), near.end(), [&](const WalObject& each) { return each.name == segment; });
  const std::vector<WalName> known = chain_of_pieces(near, segment);
  const Lsn from = known.empty() ? segment.start : known.back().end, to = segment.start + file.bytes.size();
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

Result<void> ReceiveSpool::open_segment(Lsn start) {
  if (file_) DRKIT_TRY(file_.close(path_of(file_start_)));
  DRKIT_TRY(base::make_directories(directory_));
  DRKIT_ASSIGN(file_, base::open_file(path_of(start), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  DRKIT_TRY(base::fsync_directory(directory_));
  file_start_ = start;
  files_.push_back(start);
  return {};
}

Result<void> ReceiveSpool::append(Lsn at, ByteView bytes) {
  if (at > end_) return Error(ErrorCode::corrupt, "the server left out a part of the log");
  if (at + bytes.size() <= end_) return {};
  bytes = bytes.subspan(static_cast<std::size_t>(end_ - at));
  while (!bytes.empty()) {
    const Lsn start = end_ / segment_bytes_ * segment_bytes_;
    if (!file_ || start != file_start_) DRKIT_TRY(open_segment(start));
    const auto room = static_cast<std::size_t>(start + segment_bytes_ - end_);
    const ByteView part = bytes.first(std::min(room, bytes.size()));
    DRKIT_TRY(base::write_full(file_.get(), part, path_of(start)));
    DRKIT_TRY(base::fsync_file(file_.get(), path_of(start)));
    end_ += part.size();
    bytes = bytes.subspan(part.size());
  }
  return {};
}

Result<void> ReceiveSpool::forget_before(Lsn stored) {
  while (!files_.empty() && files_.front() + segment_bytes_ <= stored) {
    DRKIT_TRY(base::unlink_at(AT_FDCWD, path_of(files_.front())));
    files_.pop_front();
  }
  return {};
}

Result<std::uint64_t> store_left_over(const Context& ctx, const WalArchive& archive, const std::string& directory) {
  std::vector<std::pair<WalName, std::string>> found;
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed); !failed && at != fs::directory_iterator(); at.increment(failed)) {
    if (const auto name = parse_name(at->path().filename().string())) found.emplace_back(*name, at->path().string());
  }
  if (failed && failed != std::errc::no_such_file_or_directory) {
    return Error(ErrorCode::io, "cannot read the spool").with("path", directory).with("os", failed.message());
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first.start < b.first.start; });
  for (const auto& [name, path] : found) {
    auto stored = store_file(ctx, archive, name, path);
    if (!stored) return std::move(stored).error().with("path", path);
    DRKIT_TRY(base::unlink_at(AT_FDCWD, path));
  }
  return found.size();
}

}  // namespace drkit::systems::postgres
