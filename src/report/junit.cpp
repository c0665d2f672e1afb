// The report as JUnit XML: one test case a check, so that any build server shows it.
#include <fmt/format.h>
#include <drkit/report.hpp>

#include "report/text.hpp"

namespace drkit {
namespace {

using report::escape_markup;

double seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

std::string_view severity_tag(Severity severity) { return severity == Severity::damage ? "failure" : "system-out"; }

// JUnit readers want one test case a failure: each damage is a case of its own, notes and warnings are its output.
std::string finding_case(const Finding& finding) {
  const std::string_view tag = severity_tag(finding.severity);
  const std::string places = report::snapshot_list(finding.snapshots);
  const std::string message = finding.message + (places.empty() ? "" : " (" + places + ")");
  std::string out = fmt::format("    <testcase classname=\"drkit.finding.{}\" name=\"{}\" time=\"0\">\n",
                                escape_markup(finding.code), escape_markup(finding.subject));
  if (tag == "failure") {
    out += fmt::format("      <failure type=\"{}\" message=\"{}\"/>\n", escape_markup(finding.code),
                       escape_markup(message));
  } else {
    out +=
        fmt::format("      <system-out>{}: {}</system-out>\n", severity_name(finding.severity), escape_markup(message));
  }
  return out + "    </testcase>\n";
}

std::string run_case(const CheckRun& run) {
  return fmt::format(
      "    <testcase classname=\"drkit.check\" name=\"{}\" time=\"{:.3f}\">\n"
      "      <system-out>{} looked at. {}</system-out>\n    </testcase>\n",
      escape_markup(run.id), seconds(run.duration_ns), run.looked_at, escape_markup(run.detail));
}

bool is_short(const Report& report, const CheckedSnapshot& snapshot) {
  return snapshot.entries_missing > 0 || snapshot.level < report.level;
}

// A snapshot that is not whole, or was not looked at as asked, is no case that passes.
std::string snapshot_case(const Report& report, const CheckedSnapshot& snapshot) {
  const std::string done =
      fmt::format("level {}; {} entries missing", check_level_name(snapshot.level), snapshot.entries_missing);
  const std::string content = is_short(report, snapshot)
                                  ? fmt::format("<failure type=\"partial\" message=\"{}\"/>", done)
                                  : fmt::format("<system-out>{}</system-out>", done);
  return fmt::format("    <testcase classname=\"drkit.snapshot\" name=\"{}\" time=\"0\">\n      {}\n    </testcase>\n",
                     escape_markup(snapshot.id), content);
}

std::string skipped_case(const std::string& what) {
  return fmt::format(
      "    <testcase classname=\"drkit.not_looked_at\" name=\"{0}\" time=\"0\">\n"
      "      <skipped message=\"not looked at\"/>\n    </testcase>\n",
      escape_markup(what));
}

std::string property(std::string_view name, std::string_view value) {
  return fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, escape_markup(value));
}

}  // namespace

std::string to_junit(const Report& report) {
  std::size_t failures = 0;
  std::string cases;
  for (const CheckRun& run : report.runs) cases += run_case(run);
  for (const CheckedSnapshot& snapshot : report.snapshots) {
    failures += is_short(report, snapshot) ? 1 : 0;
    cases += snapshot_case(report, snapshot);
  }
  for (const std::string& what : report.not_looked_at) cases += skipped_case(what);
  for (const Finding& finding : report.findings) {
    failures += finding.severity == Severity::damage ? 1 : 0;
    cases += finding_case(finding);
  }
  const std::size_t tests =
      report.runs.size() + report.snapshots.size() + report.not_looked_at.size() + report.findings.size();
  const std::string counts = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{:.3f}\"", tests, failures,
                                         seconds(report.duration_ns));
  std::string time = report::utc_time_to_second(report.time_ns);
  time.pop_back();  // the schema wants no zone
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {0}>\n"
      "  <testsuite name=\"drkit check {1}\" {0} skipped=\"{2}\" timestamp=\"{3}\">\n"
      "    <properties>\n{4}    </properties>\n"
      "{5}  </testsuite>\n</testsuites>\n",
      counts, check_level_name(report.level), report.not_looked_at.size(), time,
      property("status", check_status_name(report.status())) + property("repository", report.repository_id) +
          property("storage", report.storage) + property("snapshot", report.snapshot_id) +
          property("sample_percent", std::to_string(report.sample_percent)),
      cases);
}

}  // namespace drkit
