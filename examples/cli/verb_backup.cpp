// drkit backup: a source into a snapshot.
#include <algorithm>
#include <array>
#include <cstdio>

#include "session.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct BackupArguments {
  std::string repository;
  std::string source;
  std::vector<std::string> tags;
  std::string parent = "auto";
  std::string host;
  std::vector<std::string> excludes;
  bool one_file_system = false;
  std::string mode = "auto";
  std::string what = "cluster";
  int compression = 1;
  std::string limit_upload;
  std::string limit_source;
  std::vector<std::string> databases;
  std::string bin_dir;
  std::string name;
};

std::string ratio_text(const BackupStats& stats) {
  if (stats.bytes_stored == 0) return {};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), " (1 : %.1f)",
                static_cast<double>(stats.bytes) / static_cast<double>(stats.bytes_stored));
  return text.data();
}

void show(Session& session, const Snapshot& snapshot) {
  const BackupStats& stats = snapshot.stats;
  const double seconds = static_cast<double>(stats.duration_ns) / 1e9;
  const auto rate = seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(stats.bytes_read) / seconds) : 0;
  session.summary("snapshot " + snapshot.id.substr(0, 8) + "  " + std::string(status_name(snapshot.status)));
  session.summary("files    " + human_count(stats.files) + ", " + human_count(stats.files_unchanged) + " unchanged; " +
                  human_bytes(stats.bytes));
  session.summary("read     " + human_bytes(stats.bytes_read) + " in " + human_duration(stats.duration_ns) + ", " +
                  human_bytes(rate) + "/s");
  session.summary("new      " + human_bytes(stats.bytes_new) + " in " + human_count(stats.chunks_new) + " of " +
                  human_count(stats.chunks) + " chunks");
  session.summary("stored   " + human_bytes(stats.bytes_stored) + ratio_text(stats));
}

Result<BackupOptions> backup_options(const BackupArguments& arguments) {
  BackupOptions options;
  for (const std::string& tag : arguments.tags) {
    DRKIT_ASSIGN(auto pair, parse_pair(tag, "a tag"));
    options.tags.insert_or_assign(std::move(pair.first), std::move(pair.second));
  }
  options.parent = arguments.parent;
  options.host = arguments.host;
  options.compression_level = arguments.compression;
  return options;
}

Result<SourceOptions> source_options(const BackupArguments& arguments) {
  SourceOptions options;
  options.excludes = arguments.excludes;
  options.one_file_system = arguments.one_file_system;
  options.mode = arguments.mode;
  options.what = arguments.what;
  options.databases = arguments.databases;
  options.bin_dir = arguments.bin_dir;
  options.name = arguments.name;
  if (!arguments.limit_source.empty()) {
    DRKIT_ASSIGN(const std::uint64_t rate, parse_rate(arguments.limit_source));
    options.max_rate_kib = std::max<std::uint64_t>(1, rate / 1024);
  }
  return options;
}

// The library has a name of its own for the option.
Error in_our_words(Error error) {
  const auto is_rate = [](const auto& item) { return item.first == "option" && item.second == "max_rate_kib"; };
  const bool rate = std::any_of(error.context().begin(), error.context().end(), is_rate);
  return rate ? std::move(error).with("flag", "--limit-source") : std::move(error);
}

// What was just backed up must be what the stored log goes on from; else recovery would begin with the wrong one.
void compare_log(Session& session, const Repository& repository, const Snapshot& snapshot) {
  if (snapshot.source_kind != "postgres" || repository.role() != KeyRole::full) return;
  const auto different = compare_with_log(session.context(), repository, snapshot);
  if (!different) {
    session.context().write_log(LogLevel::debug, "the log was not looked at: " + different.error().to_string());
  } else if (!different->empty()) {
    session.context().write_log(LogLevel::warning, *different);
  }
}

Result<int> run_backup(Session& session, const BackupArguments& arguments) {
  DRKIT_ASSIGN(const BackupOptions options, backup_options(arguments));
  DRKIT_ASSIGN(const SourceOptions from, source_options(arguments));
  StorageOptions place;
  if (!arguments.limit_upload.empty()) {
    DRKIT_ASSIGN(place.upload_bytes_per_second, parse_rate(arguments.limit_upload));
  }
  DRKIT_ASSIGN(Repository repository, session.open(arguments.repository, place));
  const auto source = open_source(session.context(), arguments.source, from);
  if (!source) return in_our_words(source.error());
  DRKIT_ASSIGN(const Snapshot snapshot, backup(session.context(), repository, **source, options));
  session.screen().clear();
  DRKIT_ASSIGN(const std::vector<MirrorGap> gaps, session.missing_copies());
  // Whole on the quorum and not on every copy: that is no success.
  const Status status = status_with_gaps(snapshot.status, gaps);
  if (session.json()) {
    Json document = {{"status", status_name(status)}, {"snapshot", Json::parse(to_json(snapshot))}};
    add_gaps(document, gaps);
    session.print_document(document);
  }
  show(session, snapshot);
  compare_log(session, repository, snapshot);
  session.problems(snapshot.problems, snapshot.stats.problems);
  return exit_code(status);
}

}  // namespace

void add_backup(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<BackupArguments>();
  CLI::App* verb =
      session.add_verb(app, "backup", "Back up a directory, a PostgreSQL cluster or a command's output",
                       "drkit backup /srv/backup 'postgres:host=/run/postgresql port=5432' --tag env=prod");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("SOURCE", arguments->source, "file:///dir, a path, postgres:CONNINFO or exec:COMMAND")->required();
  verb->add_option("--tag", arguments->tags, "K=V, kept with the snapshot; repeatable")->allow_extra_args(false);
  verb->add_option("--parent", arguments->parent, "Snapshot to compare with: an id, auto or none");
  verb->add_option("--host", arguments->host, "Name to keep instead of this machine's");
  verb->add_option("--exclude", arguments->excludes, "Glob of what to leave out; repeatable")->allow_extra_args(false);
  verb->add_flag("--one-file-system", arguments->one_file_system, "Do not enter mount points");
  verb->add_option("--mode", arguments->mode, "PostgreSQL: auto, stream or local")
      ->check(CLI::IsMember({"auto", "stream", "local"}));
  verb->add_option("--what", arguments->what, "PostgreSQL: cluster or dump")->check(CLI::IsMember({"cluster", "dump"}));
  verb->add_option("--database", arguments->databases, "PostgreSQL, dump: one of those to dump; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--bin-dir", arguments->bin_dir, "PostgreSQL, dump: folder of pg_dump (default: looked for)");
  verb->add_option("--name", arguments->name, "exec: of the stream and of the source (default: stdout, the program's)");
  verb->add_option("--compression", arguments->compression, "zstd level -7 to 19; 0 stores plain")
      ->check(CLI::Range(-7, 19));
  verb->add_option("--limit-upload", arguments->limit_upload, "Most bytes a second to the storage, such as 10MiB");
  verb->add_option("--limit-source", arguments->limit_source, "PostgreSQL: most bytes a second from the server");
  session.on(verb, [arguments](Session& s) { return run_backup(s, *arguments); });
}

}  // namespace cli
