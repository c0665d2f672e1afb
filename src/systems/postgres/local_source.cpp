#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <deque>

#include "systems/postgres/backup_label.hpp"
#include "systems/postgres/backup_trail.hpp"
#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/data_directory.hpp"
#include "systems/postgres/earlier_cluster.hpp"
#include "systems/postgres/file_identity.hpp"
#include "systems/postgres/local_file.hpp"
#include "systems/postgres/local_wal.hpp"
#include "systems/postgres/page.hpp"
#include "systems/postgres/source_modes.hpp"

namespace drkit::systems::postgres {
namespace {

std::int64_t nanoseconds_of(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// The data files first, in path order and by several readers; when all are read pg_control, then the end of the backup,
// the label that it gives, the WAL up to there and last the manifest.
class LocalSource final : public Source {
 public:
  LocalSource(ConnectionParameters parameters, PostgresOptions options, std::optional<LocalServer> server)
      : parameters_(std::move(parameters)),
        options_(std::move(options)),
        server_(std::move(server)),
        tally_(std::uint64_t{options_.max_rate_kib} * 1024) {}

  SourceInfo info() const override {
    return {"postgres", server_name(parameters_), false, false, true, false, {"backup_manifest"}};
  }
  std::uint64_t estimated_bytes() const override { return tree_.bytes; }
  Result<void> begin(const Context& ctx) override;
  Result<void> compare_with(const Context& ctx, const EarlierSnapshot& earlier) override;
  Result<std::unique_ptr<Stream>> next(const Context& ctx) override;
  Result<SourceReceipt> finish(const Context& ctx) override;
  std::vector<Problem> problems() const override { return problems_; }

 private:
  enum class Stage : std::uint8_t { idle, files, wal, manifest, ended, finished };

  LocalSession& session() const { return *server_->session; }
  int root() const { return server_->place.root.get(); }
  Result<std::unique_ptr<Stream>> open_found(const FoundFile& file);
  std::string page_promise() const;
  std::string server_started() const { return std::to_string(session().facts().started_us); }
  void mark_directory(const Context& ctx);
  std::optional<PageRules> rules_for(const std::string& path) const;
  Result<void> end_backup(const Context& ctx);
  Result<void> add_control(const Context& ctx);
  Result<void> plan_wal();
  void add_text(std::string path, std::string text);
  void add_folder(std::string path);
  std::unique_ptr<Stream> manifest();
  Entry like_root(std::string path, EntryType type) const;
  void fill_receipt();

  ConnectionParameters parameters_;
  PostgresOptions options_;
  std::optional<LocalServer> server_;
  LocalTally tally_;
  Stage stage_ = Stage::idle;
  TimelineId timeline_ = 0;
  std::optional<EarlierCluster> earlier_;
  FoundTree tree_;
  std::size_t next_file_ = 0;
  std::deque<std::unique_ptr<Stream>> ready_;
  std::deque<std::string> wal_;
  WalRange range_;
  std::map<std::string, std::string> label_;
  struct stat root_status_ {};
  std::shared_ptr<ManifestWriter> manifest_;
  SourceReceipt receipt_;
  std::vector<Problem> problems_;
};

Result<void> LocalSource::begin(const Context& ctx) {
  if (stage_ != Stage::idle) return Error(ErrorCode::precondition_failed, "the backup was begun already");
  if (!server_) {
    DRKIT_ASSIGN(server_, find_local_server(ctx, parameters_, options_));
  }
  if (::fstat(root(), &root_status_) != 0) {
    return base::errno_error(errno, "cannot look at the data directory", server_->place.path);
  }
  if (options_.wal) DRKIT_TRY(session().hold_wal(ctx));
  DRKIT_ASSIGN(range_.start, session().start(ctx, options_));
  DRKIT_TRY(compare_checkpoints(ctx, session(), server_->place));
  DRKIT_ASSIGN(const CheckpointFacts checkpoint, session().checkpoint(ctx));
  timeline_ = checkpoint.timeline;
  const std::string folder = tablespace_folder(session().connection().server_version(), server_->place.control);
  DRKIT_ASSIGN(tree_, find_cluster_files(ctx, root(), folder));
  stage_ = Stage::files;
  return {};
}

Result<void> LocalSource::compare_with(const Context& ctx, const EarlierSnapshot& earlier) {
  ClusterNow now{session().facts().system_id, timeline_, range_.start, page_promise(), server_started(), {}};
  auto trail = read_trail(root());
  if (trail.ok()) now.trail = std::move(*trail);
  if (!trail.ok()) ctx.write_log(LogLevel::warning, "no trail of earlier backups: " + trail.error().to_string());
  DRKIT_ASSIGN(earlier_, understand_earlier(ctx, earlier, now));
  return {};
}

// What must hold of the cluster at both backups for pages to tell by their LSN that they did not change.
std::string LocalSource::page_promise() const {
  const ControlFile& control = server_->place.control;
  if (!session().facts().hints_logged || control.block_bytes != kPageBytes) return {};
  return "lsn,checksums=" + std::to_string(control.checksum_version);
}

Result<std::unique_ptr<Stream>> LocalSource::next(const Context& ctx) {
  if (stage_ == Stage::idle) return Error(ErrorCode::precondition_failed, "the backup was not begun");
  while (stage_ == Stage::files && next_file_ < tree_.files.size()) {
    DRKIT_TRY(session().check_alive(ctx));
    DRKIT_ASSIGN(auto stream, open_found(tree_.files[next_file_++]));
    if (stream != nullptr) return stream;
  }
  if (stage_ == Stage::files) DRKIT_TRY(end_backup(ctx));
  if (!ready_.empty()) {
    auto stream = std::move(ready_.front());
    ready_.pop_front();
    return stream;
  }
  if (stage_ == Stage::wal && !wal_.empty()) {
    const std::string name = wal_.front();
    wal_.pop_front();
    const WalRules rules{range_, session().facts().wal_segment_bytes, server_->place.control.system_id};
    return open_wal_file(root(), name, like_root({}, EntryType::regular), rules, tally_);
  }
  if (stage_ == Stage::wal) {
    stage_ = Stage::manifest;
    return make_bare_stream(like_root("", EntryType::directory));
  }
  if (stage_ == Stage::manifest) {
    stage_ = Stage::ended;
    return manifest();
  }
  return std::unique_ptr<Stream>();
}

// Null when the file has vanished: whatever dropped it is in the WAL.
Result<std::unique_ptr<Stream>> LocalSource::open_found(const FoundFile& file) {
  Entry entry;
  entry.path = file.path;
  entry.type = file.type;
  entry.link_target = file.link_target;
  struct stat status;
  base::UniqueFd fd;
  if (file.type == EntryType::regular) {
    auto opened = base::open_at(root(), file.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!opened.ok() && opened.error().code() == ErrorCode::not_found) return std::unique_ptr<Stream>();
    DRKIT_ASSIGN(fd, std::move(opened));
  }
  const int flags = file.type == EntryType::symlink ? AT_SYMLINK_NOFOLLOW : 0;
  const int looked = fd ? ::fstat(fd.get(), &status) : ::fstatat(root(), file.path.c_str(), &status, flags);
  if (looked != 0 && errno == ENOENT) return std::unique_ptr<Stream>();
  if (looked != 0) return base::errno_error(errno, "cannot look at the file", file.path);
  entry.mode = status.st_mode & 07777;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.mtime_ns = nanoseconds_of(status.st_mtim);
  if (!fd) return make_bare_stream(std::move(entry));
  entry.size_bytes = static_cast<std::uint64_t>(status.st_size);
  entry.fingerprint = fingerprint_of_file(fd.get(), status);
  return make_local_file(std::move(entry), std::move(fd), rules_for(file.path), tally_,
                         earlier_ ? &*earlier_ : nullptr);
}

std::optional<PageRules> LocalSource::rules_for(const std::string& path) const {
  const ControlFile& control = server_->place.control;
  if (!options_.verify_checksums || control.checksum_version == 0 || control.block_bytes != kPageBytes) return {};
  const auto segment = relation_segment(path);
  if (!segment) return {};
  return PageRules{*segment * control.segment_pages, range_.start};
}

Result<void> LocalSource::end_backup(const Context& ctx) {
  DRKIT_TRY(tally_.wait_until_idle(ctx));
  DRKIT_TRY(add_control(ctx));
  DRKIT_ASSIGN(const TimelineId timeline, session().current_timeline(ctx));
  DRKIT_ASSIGN(const StopFacts stop, session().stop(ctx, !options_.wal));
  mark_directory(ctx);
  range_.end = stop.lsn;
  label_ = parse_backup_label(stop.label);
  range_.timeline = static_cast<TimelineId>(std::strtoul(label_["START TIMELINE"].c_str(), nullptr, 10));
  if (label_["CHECKPOINT LOCATION"].empty() || range_.timeline == 0) {
    return Error(ErrorCode::corrupt, "the server gave no backup_label");
  }
  // A standby has not written a page since the backup began when it does not say yet what recovery must reach.
  if (timeline != range_.timeline && timeline != 0) {
    return Error(ErrorCode::precondition_failed, "the timeline changed while the cluster was backed up");
  }
  add_text("backup_label", stop.label);
  // No tablespace_map: a server that finds one sets the links of tablespaces to where the original has them, also in a
  // copy whose links lead elsewhere. The links themselves are in the backup.
  problems_ = tally_.problems(range_.end);
  stage_ = Stage::wal;
  return plan_wal();
}

// Only what comes after the end proves that a directory has lived through this backup.
void LocalSource::mark_directory(const Context& ctx) {
  auto id = leave_trail(root());
  if (id.ok()) receipt_["trail_id"] = std::move(*id);
  if (id.ok()) return;
  ctx.write_log(LogLevel::warning,
                "no trail can be left in the data directory, so the next backup stores changed files anew and not by "
                "pages: " +
                    id.error().to_string());
}

// Last of the data files: on a standby it says how far recovery must go for the pages that were read.
Result<void> LocalSource::add_control(const Context& ctx) {
  std::string text;
  DRKIT_ASSIGN(const ControlFile control, read_control(ctx, root(), text));
  if (control.system_id != server_->place.control.system_id) {
    return Error(ErrorCode::precondition_failed, "the data directory became another cluster's meanwhile");
  }
  add_text("global/pg_control", std::move(text));
  return {};
}

Result<void> LocalSource::plan_wal() {
  add_folder("pg_wal/archive_status");
  if (session().connection().server_version() >= 170000) add_folder("pg_wal/summaries");
  if (!options_.wal) return {};
  DRKIT_ASSIGN(const auto names, wal_files_for(root(), range_, session().facts().wal_segment_bytes));
  wal_.assign(names.begin(), names.end());
  // A restored server must not send to the archive what the archive has already.
  for (const std::string& name : names) {
    ready_.push_back(make_bare_stream(like_root("pg_wal/archive_status/" + name + ".done", EntryType::regular)));
  }
  return {};
}

Entry LocalSource::like_root(std::string path, EntryType type) const {
  Entry entry;
  entry.path = std::move(path);
  entry.type = type;
  const bool folder = type == EntryType::directory;
  entry.mode = root_status_.st_mode & (folder ? 07777 : 0666);
  entry.uid = root_status_.st_uid;
  entry.gid = root_status_.st_gid;
  entry.mtime_ns = nanoseconds_of(root_status_.st_mtim);
  return entry;
}

void LocalSource::add_folder(std::string path) {
  ready_.push_back(make_bare_stream(like_root(std::move(path), EntryType::directory)));
}

void LocalSource::add_text(std::string path, std::string text) {
  Entry entry = like_root(std::move(path), EntryType::regular);
  entry.size_bytes = text.size();
  Crc32c crc;
  crc.update(as_bytes(text));
  tally_.add({entry.path, entry.size_bytes, entry.mtime_ns, crc.value()});
  ready_.push_back(make_text_stream(std::move(entry), std::move(text)));
}

std::unique_ptr<Stream> LocalSource::manifest() {
  manifest_ = std::make_shared<ManifestWriter>(session().connection().server_version(), session().facts().system_id,
                                               tally_.take_lines(), range_);
  return make_text_stream(like_root("backup_manifest", EntryType::regular), {},
                          [writer = manifest_] { return writer->next(); });
}

Result<SourceReceipt> LocalSource::finish(const Context& ctx) {
  if (stage_ == Stage::idle) return Error(ErrorCode::precondition_failed, "the backup was not begun");
  for (;;) {
    DRKIT_ASSIGN(const auto stream, next(ctx));
    if (stream == nullptr) break;
  }
  fill_receipt();
  stage_ = Stage::finished;
  server_.reset();
  return receipt_;
}

void LocalSource::fill_receipt() {
  const Connection& connection = session().connection();
  receipt_["mode"] = "local";
  receipt_["server_version"] = connection.parameter("server_version");
  receipt_["server_version_num"] = std::to_string(connection.server_version());
  receipt_["major_version"] = std::to_string(connection.server_version() / 10000);
  receipt_["wal_segment_bytes"] = std::to_string(session().facts().wal_segment_bytes);
  receipt_["system_id"] = session().facts().system_id;
  receipt_["start_lsn"] = format_lsn(range_.start);
  receipt_["end_lsn"] = format_lsn(range_.end);
  receipt_["timeline"] = std::to_string(range_.timeline);
  receipt_["end_timeline"] = std::to_string(range_.timeline);
  receipt_["checkpoint_lsn"] = label_["CHECKPOINT LOCATION"];
  receipt_["backup_from"] = label_["BACKUP FROM"];
  receipt_["start_time"] = label_["START TIME"];
  receipt_["label"] = label_["LABEL"];
  receipt_["manifest_checksum"] = manifest_->checksum();
  receipt_["page_changes"] = page_promise();
  receipt_["server_started"] = server_started();
  if (earlier_ && !earlier_->full_because.empty()) receipt_["full_because"] = earlier_->full_because;
  receipt_["pages_checked"] = std::to_string(tally_.pages_checked());
  receipt_["pages_torn"] = std::to_string(tally_.pages_torn());
  std::string& spaces = receipt_["tablespaces"];
  for (const FoundFile& file : tree_.files) {
    if (file.type != EntryType::symlink) continue;
    if (!spaces.empty()) spaces += '\n';
    spaces += file.path.substr(file.path.find('/') + 1) + "=" + file.link_target;
  }
}

}  // namespace

Result<LocalServer> find_local_server(const Context& ctx, const ConnectionParameters& parameters,
                                      const PostgresOptions& options) {
  LocalServer server;
  DRKIT_ASSIGN(server.session, LocalSession::open(ctx, parameters, options));
  DRKIT_ASSIGN(server.place, open_local_place(ctx, server.session->facts(), options.data_directory));
  if (!server.session->facts().may_back_up) {
    return Error(ErrorCode::permission_denied, "the role may not execute pg_backup_start and pg_backup_stop");
  }
  return server;
}

std::unique_ptr<Source> make_local_source(ConnectionParameters parameters, PostgresOptions options,
                                          std::optional<LocalServer> server) {
  return std::make_unique<LocalSource>(std::move(parameters), std::move(options), std::move(server));
}

}  // namespace drkit::systems::postgres
