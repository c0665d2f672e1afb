// The part of a streaming backup that makes a complete one of changes.
#include <algorithm>
#include <cstring>

#include "systems/postgres/backup_label.hpp"
#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/page.hpp"
#include "systems/postgres/stream_source.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMaxLabelBytes = 16 * 1024;

}  // namespace

Result<void> PostgresSource::compare_with(const Context& ctx, const EarlierSnapshot& earlier) {
  if (stage_ != Stage::waiting) return {};
  DRKIT_ASSIGN(const ResultPtr system, backup_->connection().query(ctx, "IDENTIFY_SYSTEM"));
  DRKIT_ASSIGN(earlier_, take_earlier(earlier, field(system, 0, 0), receipt_["server_started"], why_full_));
  return {};
}

// Where the server cannot tell the changes it sends everything.
Result<void> PostgresSource::start_incremental(const Context& ctx) {
  const auto ask = [&]() -> Result<BackupStart> {
    DRKIT_TRY(upload_manifest(ctx, backup_->connection(), earlier_->manifest));
    return backup_->begin(ctx, options_, true);
  };
  auto asked = ask();
  earlier_->manifest = {};
  incremental_ = asked.ok();
  if (incremental_) {
    start_ = std::move(*asked);
    return {};
  }
  if (asked.error().code() == ErrorCode::cancelled) return std::move(asked).error();
  if (!backup_->connection().drop_results(ctx).ok()) return std::move(asked).error();
  why_full_ = asked.error().to_string();
  ctx.write_log(LogLevel::warning, "the server cannot tell what changed, so everything is read: " + why_full_);
  return {};
}

// Its header says what the whole file is like.
Result<void> PostgresSource::begin_changes(const Context& ctx, std::string path) {
  Bytes header(kIncrementalStartBytes);
  DRKIT_ASSIGN(std::size_t got, read_member(ctx, header));
  DRKIT_ASSIGN(const std::uint64_t size, incremental_header_bytes(ByteView(header).first(got)));
  header.resize(static_cast<std::size_t>(size));
  DRKIT_ASSIGN(const std::size_t more, read_member(ctx, std::span(header).subspan(got)));
  DRKIT_ASSIGN(changes_, parse_incremental_header(ByteView(header).first(got + more)));
  if (entry_.size_bytes != size + changes_->blocks.size() * kPageBytes) {
    return Error(ErrorCode::corrupt, "a file of the incremental backup has another size than it says")
        .with("path", entry_.path);
  }
  entry_.path = std::move(path);
  entry_.size_bytes = changes_->size_bytes();
  complete_.add(entry_);
  return {};
}

Result<void> PostgresSource::begin_label(const Context& ctx) {
  std::string label(kMaxLabelBytes, '\0');
  DRKIT_ASSIGN(const std::size_t size, read_member(ctx, std::as_writable_bytes(std::span(label.data(), label.size()))));
  if (member_open_) return Error(ErrorCode::corrupt, "the backup_label is too long");
  held_ = without_increment(std::string_view(label).substr(0, size));
  entry_.size_bytes = held_.size();
  Crc32c crc;
  crc.update(as_bytes(held_));
  complete_.add(entry_, crc.value());
  return {};
}

// The server's manifest speaks of what it sent, this one of the tree that was made of it.
Result<void> PostgresSource::begin_manifest(const Context& ctx) {
  std::string text;
  Bytes piece(256 * 1024);
  while (member_open_) {
    DRKIT_ASSIGN(const std::size_t size, read_manifest(ctx, piece));
    text += as_text(ByteView(piece).first(size));
  }
  entry_.size_bytes = 0;
  DRKIT_ASSIGN(writer_, complete_.make(text, backup_->connection().server_version(), start_.system_id));
  return {};
}

Reuse PostgresSource::compare(const Entry& earlier) {
  if (!changes_ || earlier.type != EntryType::regular) return Reuse::none;
  walk_.emplace(*changes_, earlier.size_bytes / kPageBytes);
  return changes_->blocks.empty() && earlier.size_bytes == entry_.size_bytes ? Reuse::whole : Reuse::parts;
}

Result<ReadResult> PostgresSource::read_run(const Context& ctx, std::span<std::byte> buffer) {
  if (!changes_) {
    DRKIT_ASSIGN(const std::size_t count, read(ctx, buffer));
    return ReadResult{count};
  }
  if (!walk_) {
    return Error(ErrorCode::precondition_failed,
                 "the earlier snapshot lacks a file whose changes alone the server sends; back up without a parent")
        .with("path", entry_.path);
  }
  const IncrementalWalk::Run run = walk_->next(buffer.size() / kPageBytes);
  const std::uint64_t size = run.blocks * kPageBytes;
  if (run.kind == IncrementalWalk::Kind::before) return ReadResult{0, 0, size};
  if (run.kind == IncrementalWalk::Kind::zeros) return ReadResult{0, size};
  DRKIT_ASSIGN(const std::size_t got, read_member(ctx, buffer.first(std::max<std::size_t>(size, 1))));
  if (got != size) return Error(ErrorCode::corrupt, "the archive is malformed").with("path", entry_.path);
  return ReadResult{got};
}

std::size_t PostgresSource::give_held(std::span<std::byte> buffer) {
  if (held_.empty() && writer_) held_ = writer_->next();
  const std::size_t count = std::min(buffer.size(), held_.size());
  if (count > 0) std::memcpy(buffer.data(), held_.data(), count);
  held_.erase(0, count);
  return count;
}

}  // namespace drkit::systems::postgres
