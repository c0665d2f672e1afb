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
  std::string out = fmt::format("    <testcase classname=\"drkit.finding.{}\" name=\"{}\" time=\"0\">\n",
                                escape_markup(finding.code), escape_markup(finding.subject));
  if (tag == "failure") {
    out += fmt::format("      <failure type=\"{}\" message=\"{}\"/>\n", escape_markup(finding.code),
                       escape_markup(finding.message));
  } else {
    out += fmt::format("      <system-out>{}: {}</system-out>\n", severity_name(finding.severity),
                       escape_markup(finding.message));
  }
  return out + "    </testcase>\n";
}

std::string run_case(const CheckRun& run) {
  return fmt::format(
      "    <testcase classname=\"drkit.check\" name=\"{}\" time=\"{:.3f}\">\n"
      "      <system-out>{} looked at. {}</system-out>\n    </testcase>\n",
      escape_markup(run.id), seconds(run.duration_ns), run.looked_at, escape_markup(run.detail));
}

}  // namespace

std::string to_junit(const Report& report) {
  std::size_t failures = 0;
  std::string cases;
  for (const CheckRun& run : report.runs) cases += run_case(run);
  for (const Finding& finding : report.findings) {
    failures += finding.severity == Severity::damage ? 1 : 0;
    cases += finding_case(finding);
  }
  const std::string counts =
      fmt::format("tests=\"{}\" failures=\"{}\" errors=\"0\" time=\"{:.3f}\"",
                  report.runs.size() + report.findings.size(), failures, seconds(report.duration_ns));
  std::string time = report::utc_time_to_second(report.time_ns);
  time.pop_back();  // the schema wants no zone
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {0}>\n"
      "  <testsuite name=\"drkit check {1}\" {0} timestamp=\"{2}\">\n"
      "    <properties>\n      <property name=\"repository\" value=\"{3}\"/>\n"
      "      <property name=\"snapshot\" value=\"{4}\"/>\n    </properties>\n"
      "{5}  </testsuite>\n</testsuites>\n",
      counts, check_level_name(report.level), time, escape_markup(report.repository_id),
      escape_markup(report.snapshot_id), cases);
}

}  // namespace drkit
