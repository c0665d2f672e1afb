#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>

#include <drkit/postgres.hpp>

#include "systems/postgres/backup_label.hpp"
#include "systems/postgres/source_modes.hpp"
#include "systems/postgres/stream_source.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr std::size_t kMaxLabelBytes = 16 * 1024;
constexpr std::string_view kManifestName = "backup_manifest";

// "base.tar" fills the root, "16384.tar" the tablespace with that oid.
Result<std::string> prefix_of_archive(std::string_view name) {
  if (name == "base.tar") return std::string();
  const std::string_view oid = name.substr(0, name.find('.'));
  const bool digits = !oid.empty() && std::all_of(oid.begin(), oid.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || name.substr(oid.size()) != ".tar") {
    return Error(ErrorCode::unsupported, "the server sent an archive of an unknown kind")
        .with("archive", std::string(name));
  }
  return "pg_tblspc/" + std::string(oid) + "/";
}

// "16MB" as SHOW gives it.
std::uint64_t bytes_of_setting(const std::string& text) {
  std::uint64_t value = 0;
  std::size_t i = 0;
  for (; i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0; ++i) {
    value = value * 10 + static_cast<std::uint64_t>(text[i] - '0');
  }
  const std::string unit = text.substr(i);
  return unit == "GB" ? value << 30 : unit == "MB" ? value << 20 : unit == "kB" ? value << 10 : value;
}

class MemberStream final : public Stream {
 public:
  explicit MemberStream(PostgresSource& source) : source_(source) {}
  const Entry& entry() const override { return source_.entry(); }
  bool wants_earlier() const override { return source_.has_changes(); }
  Reuse compare(const Entry& earlier) override { return source_.compare(earlier); }
  void forget_earlier() override { source_.forget_earlier(); }
  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override {
    return source_.read_run(ctx, buffer);
  }
  Result<void> close(const Context&) override { return source_.close_stream(); }

 private:
  PostgresSource& source_;
};

}  // namespace

Result<void> PostgresSource::begin(const Context& ctx) {
  if (stage_ != Stage::idle) return Error(ErrorCode::precondition_failed, "the backup was begun already");
  // Physical replication knows no database; one in the connection string would make libpq ask for it.
  DRKIT_ASSIGN(auto connection,
               Connection::open(ctx, parameters_, {{"replication", "true"}}, options_.connect_timeout));
  DRKIT_TRY(check_server_version(*connection));
  receipt_["mode"] = "stream";
  receipt_["server_version"] = connection->parameter("server_version");
  receipt_["server_version_num"] = std::to_string(connection->server_version());
  receipt_["major_version"] = std::to_string(connection->server_version() / 10000);
  DRKIT_ASSIGN(const ResultPtr segment, connection->query(ctx, "SHOW wal_segment_size"));
  receipt_["wal_segment_bytes"] = std::to_string(bytes_of_setting(field(segment, 0, 0)));
  DRKIT_ASSIGN(std::string why_not, why_no_summaries(ctx, *connection));
  compares_ = why_not.empty();
  if (!compares_) why_full_ = std::move(why_not);
  DRKIT_ASSIGN(receipt_["server_started"], run_of_server(ctx, parameters_, options_.connect_timeout));
  backup_ = std::make_unique<BaseBackup>(std::move(connection));
  stage_ = Stage::waiting;
  return compares_ ? Result<void>() : start(ctx);
}

Result<void> PostgresSource::start(const Context& ctx) {
  if (stage_ != Stage::waiting) return {};
  if (earlier_) DRKIT_TRY(start_incremental(ctx));
  compares_ = incremental_;
  if (!incremental_) {
    DRKIT_ASSIGN(start_, backup_->begin(ctx, options_));
  }
  receipt_[incremental_ ? "incremental_from" : "full_because"] = incremental_ ? earlier_->start_lsn : why_full_;
  receipt_["system_id"] = start_.system_id;
  receipt_["start_lsn"] = start_.start_lsn;
  receipt_["timeline"] = start_.timeline;
  std::string& spaces = receipt_["tablespaces"];
  for (const Tablespace& space : start_.tablespaces) {
    if (!spaces.empty()) spaces += '\n';
    spaces += space.oid + "=" + space.location;
  }
  stage_ = Stage::members;
  return {};
}

// Makes unread_ the next piece of data; false when the current archive (or the manifest) is over.
Result<bool> PostgresSource::pull(const Context& ctx) {
  DRKIT_ASSIGN(const BackupMessage message, backup_->next(ctx));
  switch (message.kind) {
    case BackupMessage::Kind::data:
      if (stage_ == Stage::members && !tar_) return Error(ErrorCode::io, "the server sent data before an archive");
      unread_ = message.data;
      return true;
    case BackupMessage::Kind::archive:
      DRKIT_TRY(enter_archive(message.archive));
      return false;
    case BackupMessage::Kind::manifest:
      if (tar_) DRKIT_TRY(tar_->finish());
      stage_ = Stage::manifest;
      return false;
    case BackupMessage::Kind::end:
      stage_ = Stage::ended;
      return false;
  }
  return false;
}

Result<void> PostgresSource::enter_archive(const std::string& name) {
  if (stage_ != Stage::members) return Error(ErrorCode::io, "the server sent an archive after the manifest");
  if (tar_) DRKIT_TRY(tar_->finish());
  DRKIT_ASSIGN(prefix_, prefix_of_archive(name));
  tar_.emplace();
  return {};
}

// The next event of the archives; need_more when they are over.
Result<TarEvent> PostgresSource::next_event(const Context& ctx) {
  while (stage_ == Stage::members) {
    if (tar_) {
      DRKIT_ASSIGN(const TarEvent event, tar_->next(unread_));
      if (event.kind != TarEvent::Kind::need_more && event.kind != TarEvent::Kind::archive_end) return event;
      if (!unread_.empty()) continue;
    }
    DRKIT_TRY(pull(ctx));
  }
  return TarEvent{};
}

Result<std::unique_ptr<Stream>> PostgresSource::next(const Context& ctx) {
  if (backup_ == nullptr) return Error(ErrorCode::precondition_failed, "the backup was not begun");
  DRKIT_TRY(start(ctx));
  DRKIT_TRY(skip_rest(ctx));
  DRKIT_ASSIGN(const TarEvent event, next_event(ctx));
  if (event.kind == TarEvent::Kind::entry) {
    Entry member = tar_->entry();
    member.path =
        member.path.empty() ? prefix_.substr(0, prefix_.empty() ? 0 : prefix_.size() - 1) : prefix_ + member.path;
    remember(member);
    DRKIT_TRY(begin_member(ctx, std::move(member)));
    return std::unique_ptr<Stream>(std::make_unique<MemberStream>(*this));
  }
  if (stage_ == Stage::members) return Error(ErrorCode::corrupt, "the archive holds data outside of members");
  if (!root_given_) {
    root_given_ = true;
    return stream_of(root_entry());
  }
  if (stage_ == Stage::manifest && !manifest_given_) {
    manifest_given_ = true;
    Entry manifest = root_entry();
    manifest.path = kManifestName;
    manifest.type = EntryType::regular;
    manifest.mode = 0600;
    auto stream = stream_of(std::move(manifest));
    if (incremental_) DRKIT_TRY(begin_manifest(ctx));
    return stream;
  }
  return std::unique_ptr<Stream>();
}

std::unique_ptr<Stream> PostgresSource::stream_of(Entry entry) {
  entry_ = std::move(entry);
  member_open_ = true;
  return std::make_unique<MemberStream>(*this);
}

Result<void> PostgresSource::begin_member(const Context& ctx, Entry member) {
  entry_ = std::move(member);
  member_open_ = true;
  if (!incremental_ || entry_.type != EntryType::regular) return {};
  if (auto whole = whole_path(entry_.path)) return begin_changes(ctx, std::move(*whole));
  if (entry_.path == "backup_label") return begin_label(ctx);
  complete_.add(entry_);
  return {};
}

// The archive has no entry for the data directory itself: its attributes are those of the directories in it.
void PostgresSource::remember(const Entry& member) {
  newest_ns_ = std::max(newest_ns_, member.mtime_ns);
  if (member.path == "base" && member.type == EntryType::directory) root_mode_ = member.mode;
  if (member.path == "PG_VERSION" || member.path == "global") uid_ = member.uid, gid_ = member.gid;
}

Entry PostgresSource::root_entry() const {
  Entry root;
  root.type = EntryType::directory;
  root.mode = root_mode_.value_or(0700);
  root.uid = uid_;
  root.gid = gid_;
  root.mtime_ns = newest_ns_;
  return root;
}

Result<std::size_t> PostgresSource::read(const Context& ctx, std::span<std::byte> buffer) {
  if (!held_.empty() || writer_) return give_held(buffer);
  if (!member_open_ || entry_.type != EntryType::regular) return std::size_t{0};
  return entry_.path == kManifestName ? read_manifest(ctx, buffer) : read_member(ctx, buffer);
}

Result<std::size_t> PostgresSource::read_member(const Context& ctx, std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size() && member_open_) {
    // The view is cut to what fits, so that the reader hands out no byte that would have to be kept.
    const std::size_t room = buffer.size() - filled;
    ByteView window = unread_.first(std::min(room, unread_.size()));
    const std::size_t before = window.size();
    DRKIT_ASSIGN(const TarEvent event, tar_->next(window));
    unread_ = unread_.subspan(before - window.size());
    switch (event.kind) {
      case TarEvent::Kind::data:
        std::memcpy(buffer.data() + filled, event.data.data(), event.data.size());
        filled += event.data.size();
        break;
      case TarEvent::Kind::entry_end:
        member_open_ = false;
        break;
      case TarEvent::Kind::need_more: {
        DRKIT_ASSIGN(const bool more, pull(ctx));
        if (!more) return Error(ErrorCode::io, "the archive ended in the middle of a file").with("path", entry_.path);
        break;
      }
      default:
        return Error(ErrorCode::corrupt, "the archive is malformed").with("path", entry_.path);
    }
  }
  if (entry_.path == "backup_label" && label_text_.size() < kMaxLabelBytes) {
    label_text_.append(as_text(buffer.first(filled)).substr(0, kMaxLabelBytes - label_text_.size()));
  }
  return filled;
}

Result<std::size_t> PostgresSource::read_manifest(const Context& ctx, std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size() && member_open_) {
    if (unread_.empty()) {
      DRKIT_ASSIGN(const bool more, pull(ctx));
      if (!more) member_open_ = false;
      continue;
    }
    const ByteView piece = unread_.first(std::min(buffer.size() - filled, unread_.size()));
    std::memcpy(buffer.data() + filled, piece.data(), piece.size());
    filled += piece.size();
    unread_ = unread_.subspan(piece.size());
  }
  manifest_digest_.update(buffer.first(filled));
  entry_.size_bytes += filled;
  if (!member_open_) {
    DRKIT_TRY(manifest_digest_.finish());
    manifest_checked_ = true;
  }
  return filled;
}

Result<void> PostgresSource::close_stream() const {
  if (!member_open_ || entry_.type != EntryType::regular) return {};
  return Error(ErrorCode::precondition_failed, "the file was not read to its end").with("path", entry_.path);
}

// Entries without content end by an event of their own; content that nobody read is passed over.
Result<void> PostgresSource::skip_rest(const Context& ctx) {
  changes_.reset();
  walk_.reset();
  held_.clear();
  if (!member_open_) return {};
  if (entry_.path.empty() && root_given_) {
    member_open_ = false;
    return {};
  }
  if (entry_.type != EntryType::regular) {
    member_open_ = false;
    DRKIT_ASSIGN(const TarEvent event, next_event(ctx));
    if (event.kind != TarEvent::Kind::entry_end) return Error(ErrorCode::corrupt, "the archive is malformed");
    return {};
  }
  Bytes scratch(64 * 1024);
  while (member_open_) DRKIT_TRY(read(ctx, scratch));
  return {};
}

Result<SourceReceipt> PostgresSource::finish(const Context& ctx) {
  if (backup_ == nullptr) return Error(ErrorCode::precondition_failed, "the backup was not begun");
  for (;;) {
    DRKIT_ASSIGN(const auto stream, next(ctx));
    if (stream == nullptr) break;
  }
  DRKIT_ASSIGN(const BackupEnd end, backup_->finish());
  if (!manifest_checked_) return Error(ErrorCode::io, "the server sent no backup manifest");
  receipt_["end_lsn"] = end.end_lsn;
  receipt_["end_timeline"] = end.timeline;
  auto label = parse_backup_label(label_text_);
  receipt_["checkpoint_lsn"] = label["CHECKPOINT LOCATION"];
  receipt_["backup_from"] = label["BACKUP FROM"];
  receipt_["start_time"] = label["START TIME"];
  receipt_["label"] = label["LABEL"];
  if (receipt_["checkpoint_lsn"].empty()) return Error(ErrorCode::corrupt, "the backup holds no backup_label");
  backup_.reset();
  stage_ = Stage::finished;
  return receipt_;
}

std::unique_ptr<Source> make_stream_source(ConnectionParameters parameters, PostgresOptions options) {
  return std::make_unique<PostgresSource>(std::move(parameters), std::move(options));
}

}  // namespace drkit::systems::postgres
