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
  std::string scratch;
  std::string bin_directory;
  std::string html_file;
  std::string junit_file;
};

CheckLevel level_of(const std::string& name) {
  if (name == "chunks") return CheckLevel::chunks;
  if (name == "files") return CheckLevel::files;
  return name == "boot" ? CheckLevel::boot : CheckLevel::objects;
}

// In the words of the command line, and before anything is opened or asked for.
Result<void> require_boot(const CheckArguments& arguments, CheckLevel level) {
  if (level == CheckLevel::boot) return {};
  for (const auto& [option, value] :
       {std::pair("--sql", &arguments.sql_file), std::pair("--scratch", &arguments.scratch),
        std::pair("--bin-dir", &arguments.bin_directory)}) {
    if (value->empty()) continue;
    return Error(ErrorCode::invalid_argument, "the level " + std::string(check_level_name(level)) +
                                                  " starts no server: this option needs --level boot")
        .with("option", option);
  }
  return {};
}

Result<std::vector<std::string>> read_statements(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return Error(ErrorCode::not_found, "cannot read the SQL file").with("path", path);
  }
  std::vector<std::string> statements = split_statements(text);
  if (!statements.empty()) return statements;
  return Error(ErrorCode::invalid_argument, "the SQL file holds no statement").with("path", path);
}

Result<CheckOptions> check_options(const CheckArguments& arguments) {
  CheckOptions options;
  options.level = level_of(arguments.level);
  DRKIT_TRY(require_boot(arguments, options.level));
  options.sample_percent = arguments.sample;
  if (!arguments.scratch.empty()) options.scratch_parent = arguments.scratch;
  options.server_bin_directory = arguments.bin_directory;
  if (arguments.sql_file.empty()) return options;
  DRKIT_ASSIGN(options.sql, read_statements(arguments.sql_file));
  return options;
}

// Without a slot no key opens anything: then the stored bytes are all that there is to say.
Result<bool> has_key_slot(Session& session, Storage& storage) {
  bool found = false;
  DRKIT_TRY(storage.list(session.context(), "keys/", [&](const ObjectInfo&) {
    found = true;
    return false;
  }));
  return found;
}

// The stored bytes prove themselves: no password is asked for when nothing but them is looked at. One that is at hand
// tells what is missing, too.
Result<Report> look_at_objects(Session& session, const CheckArguments& arguments, const CheckOptions& options) {
  DRKIT_ASSIGN(const StoragePtr storage, session.storage(arguments.repository));
  DRKIT_ASSIGN(std::optional<Credential> credential, find_given_credential(session.options().secrets));
  if (!credential) return check_objects(session.context(), *storage, options.sample_percent);
  DRKIT_ASSIGN(OpenOptions open, session.open_options());
  open.credential = std::move(*credential);
  const auto repository = Repository::open(session.context(), storage, std::move(open));
  if (repository) return check(session.context(), *repository, nullptr, builtin_checks(), options);
  if (repository.error().code() == ErrorCode::bad_key) {
    DRKIT_ASSIGN(const bool slot, has_key_slot(session, *storage));
    if (slot) return repository.error();
  } else if (repository.error().code() != ErrorCode::corrupt) {
    return repository.error();
  }
  // Something that opening needs is damaged or gone: the findings say more than its error.
  DRKIT_ASSIGN(Report report, check_objects(session.context(), *storage, options.sample_percent));
  if (report.status() != CheckStatus::damaged) return repository.error();
  report.not_looked_at.insert(report.not_looked_at.begin(),
                              "what a key would show: the one given does not open: " + repository.error().to_string());
  return report;
}

Result<Report> look(Session& session, const CheckArguments& arguments, const CheckOptions& options) {
  if (options.level == CheckLevel::objects && arguments.snapshot.empty()) {
    return look_at_objects(session, arguments, options);
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

std::string places(const Finding& finding) {
  constexpr std::size_t kShown = 5;
  const std::size_t count = finding.snapshots.size();
  if (count == 0) return {};
  std::string text = count == 1 ? " (snapshot " : " (snapshots ";
  for (std::size_t at = 0; at < std::min(count, kShown); ++at) {
    text += (at == 0 ? "" : ", ") + visible(finding.snapshots[at].substr(0, 8));
  }
  return text + (count > kShown ? " and " + human_count(count - kShown) + " more)" : ")");
}

void show_findings(Session& session, const Report& report) {
  constexpr std::size_t kShown = 200;
  if (!session.json()) {
    for (std::size_t at = 0; at < std::min(report.findings.size(), kShown); ++at) {
      const Finding& finding = report.findings[at];
      session.print(std::string(severity_name(finding.severity)) + ": " + visible(finding.code) + ": " +
                    visible(finding.subject) + ": " + visible(finding.message) + places(finding) + "\n");
    }
  }
  if (report.findings.size() > kShown) {
    session.summary("and " + human_count(report.findings.size() - kShown) + " more findings: see --report or --json");
  }
}

// Also with --quiet: what keeps an answer from being complete is a result.
void show_partial(Session& session, const Report& report) {
  if (session.json()) return;
  constexpr std::size_t kShown = 50;
  std::size_t shown = 0;
  std::size_t more = 0;
  for (const CheckedSnapshot& snapshot : report.snapshots) {
    if (snapshot.entries_missing == 0 && snapshot.level >= report.level) continue;
    if (shown++ >= kShown) {
      ++more;
      continue;
    }
    const std::string name = "partial: snapshot " + snapshot.id.substr(0, 8) + ": ";
    if (snapshot.entries_missing > 0) {
      session.print(name + human_count(snapshot.entries_missing) + " entries that its backup could not read\n");
    }
    if (snapshot.level < report.level) {
      session.print(name + "looked at no deeper than " + std::string(check_level_name(snapshot.level)) + "\n");
    }
  }
  if (more > 0) session.print("partial: and " + human_count(more) + " more snapshots\n");
}

std::string verdict(const Report& report) {
  const auto damages = static_cast<std::uint64_t>(std::count_if(
      report.findings.begin(), report.findings.end(), [](const Finding& f) { return f.severity == Severity::damage; }));
  if (report.status() == CheckStatus::damaged) return "DAMAGE FOUND: " + human_count(damages) + " findings";
  const std::string how =
      "(level " + std::string(check_level_name(report.level)) + ", " +
      (report.sample_percent < 100 ? "a sample of " + std::to_string(report.sample_percent) + " %, " : "") +
      human_duration(report.duration_ns) + ")";
  if (report.status() == CheckStatus::complete) {
    return std::string("no damage found ") + (report.not_looked_at.empty() ? "" : "in what was looked at ") + how;
  }
  return "PARTIAL: no damage in what was looked at, which is not all " + how;
}

void show(Session& session, const Report& report) {
  for (const CheckRun& run : report.runs) {
    session.summary(left(visible(run.id), 22) + right(human_count(run.looked_at), 12) +
                    right(human_duration(run.duration_ns), 12) + "  " + visible(run.detail));
  }
  show_findings(session, report);
  for (const std::string& line : report.not_looked_at) session.summary("not looked at: " + visible(line));
  show_partial(session, report);
  session.summary(verdict(report));
}

Result<int> run_check(Session& session, const CheckArguments& arguments) {
  DRKIT_ASSIGN(const CheckOptions options, check_options(arguments));
  DRKIT_ASSIGN(const Report report, look(session, arguments, options));
  session.screen().clear();
  DRKIT_ASSIGN(const std::vector<MirrorGap> gaps, session.differing_copies());
  if (session.json()) {
    const bool short_copies = report.status() == CheckStatus::complete && !gaps.empty();
    const auto status = check_status_name(short_copies ? CheckStatus::partial : report.status());
    Json document = {{"status", status}, {"report", Json::parse(to_json(report))}};
    add_gaps(document, gaps);
    session.print_document(document);
  }
  show(session, report);
  // Something can be restored from copies that differ together, and not from each of them.
  const Status status = report.ok() ? Status::complete : Status::partial;
  int code = report.status() == CheckStatus::damaged ? kDamage : exit_code(status_with_gaps(status, gaps));
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
                   "objects: stored bytes, with a password also what is missing; chunks: all opens; files: contents; "
                   "boot: restore and start it")
      ->check(CLI::IsMember({"objects", "chunks", "files", "boot"}));
  verb->add_option("--sample", arguments->sample, "Percent of objects and chunks to look at, always the same ones")
      ->check(CLI::Range(1, 100));
  verb->add_option("--sql", arguments->sql_file, "boot: file of SQL statements that must succeed");
  verb->add_option("--scratch", arguments->scratch, "boot: where to restore to for a while (default /var/tmp)");
  verb->add_option("--bin-dir", arguments->bin_directory, "boot: directory of the server's programs");
  verb->add_option("--report", arguments->html_file, "Write the report as a page, FILE.html");
  verb->add_option("--junit", arguments->junit_file, "Write the report as JUnit XML");
  session.on(verb, [arguments](Session& s) { return run_check(s, *arguments); });
}

}  // namespace cli
