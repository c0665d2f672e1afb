// push: files of pg_wal into the repository.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/ordered_pool.hpp"
#include "base/posix_file.hpp"
#include "base/text_file.hpp"
#include "systems/postgres/control_file.hpp"
#include "systems/postgres/wal_cluster.hpp"
#include "systems/postgres/wal_file_name.hpp"
#include "systems/postgres/wal_segment.hpp"
#include "systems/postgres/wal_spool.hpp"

namespace drkit::systems::postgres {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = 64ULL << 20;
constexpr unsigned kThreads = 4;
constexpr std::string_view kReady = ".ready";

Error refused(const std::string& path, std::string message) {
  return Error(ErrorCode::corrupt, std::move(message)).with("path", path);
}

// A file under a wrong name, cut, or of another cluster is refused here: once stored it would stop a recovery.
Result<void> check_segment(const WalPageHeader& page, const WalName& name, ByteView bytes, const std::string& path) {
  if (bytes.size() != page.segment_bytes) return refused(path, "the file of the log is not whole");
  if (page.address != name.start) return refused(path, "the file holds another part of the log than its name says");
  if (page.timeline > name.timeline) return refused(path, "the file is of a later timeline than its name says");
  if (page.system_id != name.system_id) return refused(path, "the file is of another cluster");
  return {};
}

struct Job {
  std::string path;
  bool asked_for = false;
};
struct Done {
  Result<WalPut> outcome = WalPut::stored;
};

class Pusher {
 public:
  Pusher(const Context& ctx, const WalArchive& archive, const WalPushOptions& options)
      : ctx_(ctx), archive_(archive), options_(options) {}

  /// asked_for: no other file of the batch, for which nothing but its mark tells a later call that it is done.
  Result<WalPut> push(const std::string& path, bool asked_for) const;

 private:
  Result<void> mark(const std::string& file_name, const std::string& fingerprint, bool asked_for) const;
  Result<std::uint64_t> cluster_of(const std::string& path) const {
    if (options_.system_id) return *options_.system_id;
    return system_id_near(path);
  }
  Result<WalPut> push_segment(const std::string& path, const WalFileName& file, ByteView bytes) const;

  const Context& ctx_;
  const WalArchive& archive_;
  const WalPushOptions& options_;
};

Result<WalPut> Pusher::push_segment(const std::string& path, const WalFileName& file, ByteView bytes) const {
  auto page = parse_first_page(bytes);
  if (!page) return std::move(page).error().with("path", path);
  // A copy that lies elsewhere says itself whose it is.
  std::uint64_t system_id = page->system_id;
  if (auto known = cluster_of(path)) {
    system_id = *known;
  } else if (known.error().code() != ErrorCode::not_found) {
    return known.error();
  }
  const auto name = object_of_file(file, system_id, page->segment_bytes);
  if (!name) return refused(path, "the name does not fit the file's segment size");
  DRKIT_TRY(check_segment(*page, *name, bytes, path));
  DRKIT_ASSIGN(const WalFacts facts, facts_of_segment(bytes));
  return archive_.put(ctx_, *name, bytes, facts);
}

Result<void> Pusher::mark(const std::string& file_name, const std::string& fingerprint, bool asked_for) const {
  if (options_.spool.directory.empty()) return {};
  auto marked = mark_pushed(options_.spool, archive_.repository().id(), file_name, fingerprint);
  if (marked || !asked_for) return marked;
  ctx_.write_log(LogLevel::warning, "the spool does not remember a stored file: " + marked.error().to_string());
  return {};
}

Result<WalPut> Pusher::push(const std::string& path, bool asked_for) const {
  DRKIT_TRY(ctx_.check_cancelled());
  const std::string base_name = fs::path(path).filename().string();
  const auto file = parse_file_name(base_name);
  if (!file) return Error(ErrorCode::invalid_argument, "the name is none of a file of the log").with("path", path);
  DRKIT_ASSIGN(const StableFile read, read_stable(path, kMostBytes));
  Result<WalPut> outcome = WalPut::stored;
  if (file->kind == WalKind::segment || file->kind == WalKind::partial) {
    outcome = push_segment(path, *file, read.bytes);
  } else {
    DRKIT_ASSIGN(const ClusterFacts cluster, cluster_near(path, options_.system_id));
    const auto name = object_of_file(*file, cluster.system_id, cluster.segment_bytes);
    if (!name) return refused(path, "the name does not fit the cluster's segment size");
    outcome = archive_.put(ctx_, *name, read.bytes);
  }
  if (!outcome) return std::move(outcome).error().with("file", base_name);
  DRKIT_TRY(mark(base_name, read.fingerprint, asked_for));
  return outcome;
}

// What the server waits for besides the file asked for, oldest first.
std::vector<std::string> ready_files(const std::string& path, unsigned most) {
  const fs::path folder = fs::path(path).parent_path();
  const std::string own = fs::path(path).filename().string();
  std::vector<std::string> names;
  std::error_code failed;
  fs::directory_iterator at(folder / "archive_status", failed);
  while (!failed && at != fs::directory_iterator()) {
    std::string name = at->path().filename().string();
    at.increment(failed);
    if (!name.ends_with(kReady)) continue;
    name.resize(name.size() - kReady.size());
    if (name > own && parse_file_name(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  if (names.size() > most) names.resize(most);
  for (std::string& name : names) name = (folder / name).string();
  return names;
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<WalPushResult> push_wal(const Context& ctx, const WalArchive& archive, const std::string& path,
                               const WalPushOptions& options) {
  using namespace systems::postgres;
  if (options.batch > 0 && options.spool.directory.empty()) {
    return Error(ErrorCode::invalid_argument, "a batch needs a spool that remembers it");
  }
  const Pusher pusher(ctx, archive, options);
  std::vector<std::string> paths{path};
  WalSpool spool = options.spool;
  spool.repository_id = archive.repository().id();
  for (std::string& more : ready_files(path, options.batch)) {
    const auto done = wal_was_pushed(more, spool);
    if (!done || !*done) paths.push_back(std::move(more));
  }
  base::OrderedPool<Job, Done> pool(std::min<unsigned>(kThreads, static_cast<unsigned>(paths.size())), paths.size(),
                                    [&](unsigned, Job&& job) { return Done{pusher.push(job.path, job.asked_for)}; });
  for (std::string& each : paths) pool.push({std::move(each), &each == paths.data()});
  Result<WalPut> first = std::move(pool.pop(true)->outcome);
  WalPushResult result;
  while (!pool.empty()) {
    // What fails for others is theirs to report when the server asks for them.
    const Result<WalPut> other = std::move(pool.pop(true)->outcome);
    if (other) ++result.more;
    if (!other) ctx.write_log(LogLevel::warning, "a file of the batch stays for later: " + other.error().to_string());
  }
  DRKIT_ASSIGN(result.outcome, std::move(first));
  if (!options.spool.directory.empty()) {
    drop_pushed_before(options.spool, std::filesystem::path(path).filename().string());
  }
  return result;
}

}  // namespace drkit
