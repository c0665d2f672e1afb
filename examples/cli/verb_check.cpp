// drkit check: would it restore?
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "session.hpp"
#include "sql_file.hpp"
#include "text.hpp"

namespace cli {
namespace {

using namespace drkit;

struct CheckArguments {
  std::string repository;
  std::string snapshot;
  std::string level = "objects";
  unsigned sample = 100;
  std::string sql_file;
  std::string scratch = "/var/tmp";
  std::string bin_directory;
  std::string html_file;
  std::string junit_file;
};

CheckLevel level_of(const std::string& name) {
  if (name == "chunks") return CheckLevel::chunks;
  if (name == "files") return CheckLevel::files;
  return name == "boot" ? CheckLevel::boot : CheckLevel::objects;
}

Result<CheckOptions> check_options(const CheckArguments& arguments) {
  CheckOptions options;
  options.level = level_of(arguments.level);
  options.sample_percent = arguments.sample;
  options.scratch_parent = arguments.scratch;
  options.server_bin_directory = arguments.bin_directory;
  if (arguments.sql_file.empty()) return options;
  std::ifstream file(arguments.sql_file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return Error(ErrorCode::not_found, "cannot read the SQL file").with("path", arguments.sql_file);
  }
  options.sql = split_statements(text);
  return options;
}

// The stored bytes prove themselves: no password is asked for when nothing but them is looked at.
Result<Report> look(Session& session, const CheckArguments& arguments, const CheckOptions& options) {
  if (options.level == CheckLevel::objects && arguments.snapshot.empty()) {
    DRKIT_ASSIGN(const StoragePtr storage, session.storage(arguments.repository));
    return check_objects(session.context(), *storage, options.sample_percent);
  }
  DRKIT_ASSIGN(const Repository repository, session.open(arguments.repository));
  if (arguments.snapshot.empty()) return check(session.context(), repository, nullptr, builtin_checks(), options);
  DRKIT_ASSIGN(const Snapshot snapshot, repository.find_snapshot(session.context(), arguments.snapshot));
  return check(session.context(), repository, &snapshot, builtin_checks(), options);
}

Result<void> write_report(const std::string& path, const std::string& text) {
  if (path.empty()) return {};
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file) return {};
  return Error(errno == ENOSPC ? ErrorCode::no_space : ErrorCode::io,
               std::string("cannot write the report: ") + std::strerror(errno))
      .with("path", path);
}

void show(Session& session, const Report& report) {
  for (const CheckRun& run : report.runs) {
    session.summary(left(visible(run.id), 22) + right(human_count(run.looked_at), 12) +
                    right(human_duration(run.duration_ns), 12) + "  " + visible(run.detail));
  }
  constexpr std::size_t kShown = 200;
  if (!session.json()) {
    for (std::size_t at = 0; at < std::min(report.findings.size(), kShown); ++at) {
      const Finding& finding = report.findings[at];
      session.print(std::string(severity_name(finding.severity)) + ": " + visible(finding.code) + ": " +
                    visible(finding.subject) + ": " + visible(finding.message) + "\n");
    }
  }
  if (report.findings.size() > kShown) {
    session.summary("and " + human_count(report.findings.size() - kShown) + " more findings: see --report or --json");
  }
  const auto damages = static_cast<std::uint64_t>(std::count_if(
      report.findings.begin(), report.findings.end(), [](const Finding& f) { return f.severity == Severity::damage; }));
  session.summary(report.ok() ? "no damage found (level " + std::string(check_level_name(report.level)) + ", " +
                                    human_duration(report.duration_ns) + ")"
                              : "DAMAGE FOUND: " + human_count(damages) + " findings");
}

Result<int> run_check(Session& session, const CheckArguments& arguments) {
  DRKIT_ASSIGN(const CheckOptions options, check_options(arguments));
  DRKIT_ASSIGN(const Report report, look(session, arguments, options));
  session.screen().clear();
  DRKIT_ASSIGN(const std::vector<MirrorGap> gaps, session.differing_copies());
  if (session.json()) {
    const char* status = !report.ok() ? "damaged" : gaps.empty() ? "complete" : "partial";
    Json document = {{"status", status}, {"report", Json::parse(to_json(report))}};
    add_gaps(document, gaps);
    session.print_document(document);
  }
  show(session, report);
  // Something can be restored from copies that differ together, and not from each of them.
  int code = report.ok() ? exit_code(status_with_gaps(Status::complete, gaps)) : kDamage;
  // What was found is shown by now: a file that cannot be written hides neither it nor the other file.
  for (const auto& [path, text] :
       {std::pair(arguments.html_file, to_html(report)), std::pair(arguments.junit_file, to_junit(report))}) {
    const auto written = write_report(path, text);
    if (written.ok()) continue;
    const int failed = session.fail(written.error());
    if (code == kComplete) code = failed;
  }
  return code;
}

}  // namespace

void add_check(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* verb = session.add_verb(app, "check", "Look whether the repository or a snapshot would restore",
                                    "drkit check /srv/backup latest --level boot --report check.html");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_option("SNAPSHOT", arguments->snapshot, "One snapshot; default: the whole repository");
  verb->add_option("--level", arguments->level,
                   "objects: stored bytes, no password; chunks: all opens; files: contents; boot: restore and start it")
      ->check(CLI::IsMember({"objects", "chunks", "files", "boot"}));
  verb->add_option("--sample", arguments->sample, "Percent of objects and chunks to look at")
      ->check(CLI::Range(1, 100));
  verb->add_option("--sql", arguments->sql_file, "boot: file of SQL statements that must succeed");
  verb->add_option("--scratch", arguments->scratch, "boot: where to restore to for a while (default /var/tmp)");
  verb->add_option("--bin-dir", arguments->bin_directory, "boot: directory of the server's programs");
  verb->add_option("--report", arguments->html_file, "Write the report as a page, FILE.html");
  verb->add_option("--junit", arguments->junit_file, "Write the report as JUnit XML");
  session.on(verb, [arguments](Session& s) { return run_check(s, *arguments); });
}

}  // namespace cli
