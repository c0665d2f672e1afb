#include "systems/postgres/checks.hpp"

#include <sys/stat.h>

#include <drkit/restore.hpp>

#include "systems/postgres/cluster_check.hpp"

namespace drkit::systems::postgres {
namespace {

drkit::Severity severity_of(Severity severity) {
  switch (severity) {
    case Severity::info:
      return drkit::Severity::note;
    case Severity::warning:
      return drkit::Severity::warning;
    case Severity::error:
      return drkit::Severity::damage;
  }
  return drkit::Severity::damage;
}

bool is_cluster(const Snapshot& snapshot) { return snapshot.source_kind == "postgres"; }

/// Takes a small file whole.
class TextSink final : public Sink {
 public:
  Result<void> write_at(const Context&, std::uint64_t, ByteView bytes) override {
    text_ += as_text(bytes);
    return {};
  }
  Result<void> close(const Context&) override { return {}; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class ClusterObserver final : public ContentObserver {
 public:
  explicit ClusterObserver(ClusterCheck check) : check_(std::move(check)) {}
  void begin_file(const Entry& entry) override {
    skip_ = entry.path == "backup_manifest";
    if (!skip_) check_.begin_file(entry.path);
  }
  void data(ByteView bytes) override {
    if (!skip_) check_.update(bytes);
  }
  void end_file(const Entry&, bool, const FindingSink&) override {
    if (skip_) return;
    check_.end_file();
    ++files_;
  }
  Result<CheckSummary> finish(const FindingSink& report) override {
    for (Finding& finding : check_.finish()) {
      report({severity_of(finding.severity), std::move(finding.code), std::move(finding.subject),
              std::move(finding.message)});
    }
    return CheckSummary{
        files_, std::to_string(check_.pages_torn()) + " pages torn by writes during the backup, which WAL mends"};
  }

 private:
  ClusterCheck check_;
  bool skip_ = false;
  std::uint64_t files_ = 0;
};

class ManifestCheck final : public Check {
 public:
  CheckInfo info() const override { return {"postgres_cluster", CheckLevel::files}; }
  bool applies_to(const Snapshot& snapshot) const override { return is_cluster(snapshot); }
  Result<std::unique_ptr<ContentObserver>> observe(const Context& ctx, const CheckInput& input) override {
    TextSink manifest;
    auto read = read_entry(ctx, input.repository, input.snapshot, "backup_manifest", manifest);
    // A manifest that is gone or damaged is reported by run's sibling: the walk names the file, and so does this.
    if (!read && read.error().code() != ErrorCode::corrupt && read.error().code() != ErrorCode::not_found) {
      return std::move(read).error();
    }
    auto check = read ? ClusterCheck::make(manifest.text()) : Result<ClusterCheck>(std::move(read).error());
    if (!check) return std::unique_ptr<ContentObserver>(std::make_unique<Unreadable>(check.error().to_string()));
    return std::unique_ptr<ContentObserver>(std::make_unique<ClusterObserver>(std::move(*check)));
  }

 private:
  /// Stands in when there is no manifest to hold the files against.
  class Unreadable final : public ContentObserver {
   public:
    explicit Unreadable(std::string message) : message_(std::move(message)) {}
    void begin_file(const Entry&) override {}
    void data(ByteView) override {}
    void end_file(const Entry&, bool, const FindingSink&) override {}
    Result<CheckSummary> finish(const FindingSink& report) override {
      report({drkit::Severity::damage, "manifest_unreadable", "backup_manifest", message_});
      return CheckSummary{0, "no backup manifest to compare with"};
    }

   private:
    std::string message_;
  };
};

class BootCheck final : public Check {
 public:
  explicit BootCheck(MakeRestoreTarget make) : make_(std::move(make)) {}
  CheckInfo info() const override { return {"postgres_boot", CheckLevel::boot}; }
  bool applies_to(const Snapshot& snapshot) const override { return is_cluster(snapshot); }

  Result<CheckSummary> run(const Context& ctx, const CheckInput& input, const FindingSink& report) override {
    const auto began = ctx.clock->steady();
    // The server runs as the cluster's owner, who must be able to reach the directory inside.
    if (::chmod(input.scratch_directory.c_str(), 0711) != 0) {
      return Error(ErrorCode::io, "cannot open the scratch directory").with("path", input.scratch_directory);
    }
    const std::string data = input.scratch_directory + "/data";
    PostgresRestoreOptions places;
    places.all_tablespaces_under = input.scratch_directory + "/tablespaces";
    if (::mkdir(places.all_tablespaces_under->c_str(), 0711) != 0) {
      return Error(ErrorCode::io, "cannot make a scratch directory").with("path", *places.all_tablespaces_under);
    }
    places.keep_standby = true;  // it is put aside at the start
    DRKIT_ASSIGN(const std::unique_ptr<RestoreTarget> target, make_postgres_target(make_, data, places));
    const auto restored = restore(ctx, input.repository, input.snapshot, *target);
    if (!restored && restored.error().code() == ErrorCode::corrupt) {
      report({drkit::Severity::damage, "restore_failed", input.snapshot.id, restored.error().to_string()});
      return CheckSummary{0, "not started: the restore failed"};
    }
    DRKIT_TRY(restored);
    const double seconds = std::chrono::duration<double>(ctx.clock->steady() - began).count();
    PostgresBootOptions options;
    options.bin_dir = input.server_bin_directory;
    for (const std::string& sql : input.sql) options.queries.push_back({.sql = sql});
    DRKIT_ASSIGN(const PostgresBootReport boot, boot_postgres(ctx, data, options));
    return summarise(boot, seconds, input.snapshot.id, report);
  }

 private:
  static CheckSummary summarise(const PostgresBootReport& boot, double restore_seconds, const std::string& snapshot,
                                const FindingSink& report) {
    std::uint64_t statements = 0;
    for (const PostgresBootCheck& check : boot.checks) {
      const std::string subject = check.subject.empty() ? check.name : check.name + " " + check.subject;
      if (check.skipped) report({drkit::Severity::warning, "boot_" + check.name + "_skipped", subject, check.output});
      if (!check.skipped) ++statements;
      if (check.ok) continue;
      report({drkit::Severity::damage, "boot_" + check.name, subject, check.output});
    }
    if (!boot.ready) {
      report(
          {drkit::Severity::damage, "boot_not_ready", snapshot, "the server did not become ready: " + boot.log_tail});
    }
    char text[160];
    std::snprintf(text, sizeof text, "PostgreSQL %d: restored in %.1f s, ready after %.1f s more", boot.major_version,
                  restore_seconds, boot.seconds_to_ready);
    return {statements, text};
  }

  MakeRestoreTarget make_;
};

}  // namespace

std::unique_ptr<Check> make_cluster_check() { return std::make_unique<ManifestCheck>(); }

std::unique_ptr<Check> make_boot_check(MakeRestoreTarget make) { return std::make_unique<BootCheck>(std::move(make)); }

}  // namespace drkit::systems::postgres
