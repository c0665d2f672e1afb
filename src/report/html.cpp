// The report as a page that stands alone: it can be mailed, archived and opened years later.
#include <fmt/format.h>
#include <drkit/report.hpp>
#include <drkit/version.hpp>

#include <algorithm>
#include <array>

#include "report/html_style.hpp"
#include "report/text.hpp"

namespace drkit {
namespace {

using namespace report;

// A page with a hundred thousand rows opens nowhere; the JSON rendering has them all.
constexpr std::size_t kFindingsShown = 1000;

using SeverityCounts = std::array<std::size_t, 3>;

SeverityCounts count_severities(const std::vector<Finding>& findings) {
  SeverityCounts counts{};
  for (const Finding& finding : findings) ++counts[static_cast<std::size_t>(finding.severity)];
  return counts;
}

std::string readable_time(std::int64_t nanoseconds) {
  const std::string time = utc_time_to_second(nanoseconds);
  return time.substr(0, 10) + " " + time.substr(11, 8) + " UTC";
}

std::string fact(std::string_view name, std::string_view value, bool id = false) {
  return fmt::format("<div><dt>{}</dt><dd{}>{}</dd></div>\n", name, id ? " class=\"id\"" : "", escape_markup(value));
}

// A question, for the answer is the verdict's.
std::string_view level_question(CheckLevel level) {
  switch (level) {
    case CheckLevel::objects:
      return "has every stored object the bytes it was stored with?";
    case CheckLevel::chunks:
      return "does every chunk that is needed open, and is it the one asked for?";
    case CheckLevel::files:
      return "has every file the content that was backed up, and do the system's own checks agree?";
    case CheckLevel::boot:
      return "can it be restored to a scratch directory, started and asked?";
  }
  return "";
}

std::string partial_reasons(const Report& report) {
  const auto shallow = static_cast<std::size_t>(
      std::count_if(report.snapshots.begin(), report.snapshots.end(),
                    [&](const CheckedSnapshot& snapshot) { return snapshot.level < report.level; }));
  const std::uint64_t missing = report.entries_missing();
  std::string text;
  if (missing > 0) text = human_count(missing) + (missing == 1 ? " entry" : " entries") + " never backed up";
  if (shallow == 0) return text;
  return text + (text.empty() ? "" : "; ") + human_count(shallow) + (shallow == 1 ? " snapshot" : " snapshots") +
         " not looked at this deeply";
}

std::string verdict(const Report& report, const SeverityCounts& counts) {
  const std::size_t damages = counts[static_cast<std::size_t>(Severity::damage)];
  if (report.status() == CheckStatus::damaged) {
    return fmt::format("<div class=\"verdict damage\">✕ Damage found: {}</div>", human_count(damages));
  }
  if (report.status() == CheckStatus::partial) {
    return fmt::format("<div class=\"verdict warning\">! Partial: {}</div>", partial_reasons(report));
  }
  const std::size_t warnings = counts[static_cast<std::size_t>(Severity::warning)];
  const std::string sample = report.sample_percent < 100    ? fmt::format(" in a sample of {} %", report.sample_percent)
                             : report.not_looked_at.empty() ? ""
                                                            : " in what was looked at";
  if (warnings > 0) {
    return fmt::format("<div class=\"verdict warning\">✓ No damage{}, {} {}</div>", sample, human_count(warnings),
                       warnings == 1 ? "warning" : "warnings");
  }
  return fmt::format("<div class=\"verdict ok\">✓ No damage found{}</div>", sample);
}

std::string sample_text(const Report& report) {
  if (report.sample_percent >= 100) return "none: everything";
  return fmt::format("{} % of {}, chosen by the SHA-256 of their names: always the same ones{}", report.sample_percent,
                     report.snapshot_id.empty() ? "objects and packs" : "objects or files",
                     report.level >= CheckLevel::files ? "; the files of snapshots whole" : "");
}

std::string head(const Report& report, const SeverityCounts& counts) {
  const std::string what =
      report.snapshot_id.empty() ? "Repository check" : "Snapshot " + report.snapshot_id.substr(0, 8);
  return fmt::format(
      "<header><div><h1>{}</h1><p class=\"sub\">Level <b>{}</b>: {}</p></div>{}</header>\n"
      "<section class=\"card\"><dl class=\"facts\" style=\"margin:0\">\n{}{}{}{}{}{}{}</dl></section>\n",
      escape_markup(what), check_level_name(report.level), level_question(report.level), verdict(report, counts),
      fact("Looked on", readable_time(report.time_ns)), fact("Took", human_duration(report.duration_ns)),
      fact("Checks run", human_count(report.runs.size())), fact("Sample", sample_text(report)),
      fact("Storage", report.storage.empty() ? "not known" : report.storage, true),
      fact("Repository",
           report.repository_id.empty() ? "not known: its configuration cannot be read" : report.repository_id, true),
      fact("Snapshot", report.snapshot_id.empty() ? "all" : report.snapshot_id, true));
}

std::string duration_bar(std::int64_t duration_ns, std::int64_t longest_ns) {
  constexpr double kWidth = 170;
  const double share = longest_ns <= 0 ? 0 : static_cast<double>(duration_ns) / static_cast<double>(longest_ns);
  return fmt::format(
      "<svg width=\"170\" height=\"10\" viewBox=\"0 0 170 10\" role=\"img\" aria-label=\"{0}\">"
      "<rect class=\"track\" width=\"170\" height=\"10\" rx=\"5\"/>"
      "<rect class=\"bar\" width=\"{1:.1f}\" height=\"10\" rx=\"5\"/></svg>",
      human_duration(duration_ns), std::clamp(share * kWidth, 5.0, kWidth));
}

std::string runs_table(const Report& report) {
  std::int64_t longest = 0;
  for (const CheckRun& run : report.runs) longest = std::max(longest, run.duration_ns);
  std::string rows;
  for (const CheckRun& run : report.runs) {
    rows += fmt::format(
        "<tr><td class=\"k\"><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td "
        "class=\"plot\">{}</td>"
        "<td class=\"d\">{}</td></tr>\n",
        escape_markup(run.id), human_count(run.looked_at), human_duration(run.duration_ns),
        duration_bar(run.duration_ns, longest), escape_markup(run.detail));
  }
  if (rows.empty())
    return "<section class=\"card\"><h2>Checks</h2><p class=\"plain\">No check applied.</p></section>\n";
  return "<section class=\"card\"><h2>Checks</h2><div class=\"scroll\"><table><tr><th>Check</th><th class=\"n\">Looked "
         "at"
         "</th><th class=\"n\">Took</th><th></th><th>Detail</th></tr>\n" +
         rows + "</table></div></section>\n";
}

std::string snapshots_table(const Report& report) {
  if (report.snapshots.empty()) return "";
  std::string rows;
  for (std::size_t at = 0; at < std::min(report.snapshots.size(), kFindingsShown); ++at) {
    const CheckedSnapshot& snapshot = report.snapshots[at];
    const bool shallow = snapshot.level < report.level;
    rows += fmt::format("<tr><td class=\"k\"><code>{}</code></td><td>{}{}</td><td class=\"n\">{}</td></tr>\n",
                        escape_markup(snapshot.id.substr(0, 8)), check_level_name(snapshot.level),
                        shallow ? " <span class=\"sev warning\">the highest for it</span>" : "",
                        snapshot.entries_missing == 0 ? "0"
                                                      : fmt::format("<span class=\"sev warning\">{}</span>",
                                                                    human_count(snapshot.entries_missing)));
  }
  std::string more;
  if (report.snapshots.size() > kFindingsShown) {
    more = fmt::format("<p class=\"plain\">The first {} of {} are shown.</p>\n", human_count(kFindingsShown),
                       human_count(report.snapshots.size()));
  }
  return fmt::format(
      "<section class=\"card\"><h2>Snapshots</h2><div class=\"scroll\"><table><tr><th>Snapshot</th>"
      "<th>Level done</th><th class=\"n\">Entries its backup could not read</th></tr>\n{}</table></div>{}</section>\n",
      rows, more);
}

std::string not_looked_at(const Report& report) {
  if (report.not_looked_at.empty()) return "";
  std::string lines;
  for (const std::string& line : report.not_looked_at) lines += "<li>" + escape_markup(line) + "</li>";
  return "<section class=\"card\"><h2>Not looked at</h2><ul class=\"plain\">" + lines + "</ul></section>\n";
}

std::string_view title_of(CheckStatus status) {
  switch (status) {
    case CheckStatus::complete:
      return "no damage found";
    case CheckStatus::partial:
      return "partial";
    case CheckStatus::damaged:
      break;
  }
  return "damage found";
}

// One bar cut by severity, worst first, with a legend: the share is seen before a single row is read.
std::string severity_bar(const SeverityCounts& counts, std::size_t total) {
  constexpr std::array kOrder = {Severity::damage, Severity::warning, Severity::note};
  std::string cuts;
  std::string legend;
  double at = 0;
  for (const Severity severity : kOrder) {
    const std::size_t count = counts[static_cast<std::size_t>(severity)];
    if (count == 0) continue;
    const std::string_view name = severity_name(severity);
    const double width = 920.0 * static_cast<double>(count) / static_cast<double>(total);
    cuts += fmt::format("<rect class=\"s-{}\" x=\"{:.2f}\" width=\"{:.2f}\" height=\"12\"/>", name, at, width);
    legend += fmt::format("<span><span class=\"dot {0}\"></span><b>{1}</b> {0}</span>", name, human_count(count));
    at += width;
  }
  return fmt::format(
      "<svg width=\"100%\" height=\"12\" viewBox=\"0 0 920 12\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"findings by severity\" style=\"border-radius:6px;display:block\">{}</svg>"
      "<div class=\"legend\">{}</div>",
      cuts, legend);
}

std::vector<const Finding*> worst_first(const std::vector<Finding>& findings) {
  std::vector<const Finding*> sorted;
  for (const Finding& finding : findings) sorted.push_back(&finding);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  return sorted;
}

// On the page of one snapshot there is no other.
std::string places(const Report& report, const Finding& finding) {
  if (!report.snapshot_id.empty() || finding.snapshots.empty()) return "";
  return "<br><small>" + escape_markup(snapshot_list(finding.snapshots)) + "</small>";
}

std::string findings_table(const Report& report, const SeverityCounts& counts) {
  if (report.findings.empty()) {
    return "<section class=\"card\"><h2>Findings</h2><p class=\"plain\">None: nothing looked wrong.</p></section>\n";
  }
  const auto sorted = worst_first(report.findings);
  std::string rows;
  for (std::size_t at = 0; at < std::min(sorted.size(), kFindingsShown); ++at) {
    const Finding& finding = *sorted[at];
    rows += fmt::format(
        "<tr><td><span class=\"sev {0}\">{0}</span></td><td class=\"k\"><code>{1}</code></td><td><code>{2}</code></td>"
        "<td class=\"w\">{3}{4}</td></tr>\n",
        severity_name(finding.severity), escape_markup(finding.code), escape_markup(finding.subject),
        escape_markup(finding.message), places(report, finding));
  }
  std::string more;
  if (sorted.size() > kFindingsShown) {
    more = fmt::format("<p class=\"plain\">The first {} of {} are shown, the worst first.</p>\n",
                       human_count(kFindingsShown), human_count(sorted.size()));
  }
  return fmt::format(
      "<section class=\"card\"><h2>Findings</h2>{}<div class=\"scroll\" style=\"margin-top:14px\"><table><tr>"
      "<th>Severity</th><th>Code</th><th>Where</th><th>What was seen</th></tr>\n{}</table></div>{}</section>\n",
      severity_bar(counts, report.findings.size()), rows, more);
}

std::string short_facts(const Snapshot& snapshot) {
  const BackupStats& stats = snapshot.stats;
  const double ratio =
      stats.bytes_stored == 0 ? 0 : static_cast<double>(stats.bytes) / static_cast<double>(stats.bytes_stored);
  std::string rows;
  const auto row = [&](std::string_view name, std::string_view value) {
    rows += fmt::format(
        "<tr><th style=\"text-align:left;font-weight:500;padding:2px 16px 2px 0\">{}</th>"
        "<td style=\"text-align:left;padding:2px 0\">{}</td></tr>",
        name, escape_markup(value));
  };
  row("Source", snapshot.source_kind + ": " + snapshot.source_name);
  row("Time", readable_time(snapshot.time_ns));
  row("Host", snapshot.host);
  row("Files", human_count(stats.files) + " (" + human_count(stats.files_unchanged) + " unchanged)");
  row("Size", human_bytes(stats.bytes));
  row("Stored", human_bytes(stats.bytes_stored) + (ratio > 1 ? fmt::format(" (1 : {:.1f})", ratio) : ""));
  row("Took", human_duration(stats.duration_ns));
  if (stats.problems > 0) row("Problems", human_count(stats.problems));
  for (const auto& [key, value] : snapshot.tags) row("Tag", key + "=" + value);
  return rows;
}

std::string_view status_colour(Status status) {
  switch (status) {
    case Status::complete:
      return "#15803d";
    case Status::partial:
      return "#b45309";
    case Status::failed:
      return "#b91c1c";
  }
  return "#b91c1c";
}

}  // namespace

std::string to_html(const Report& report) {
  const SeverityCounts counts = count_severities(report.findings);
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<title>drkit check: {}</title>\n<style>{}</style></head>\n<body><main>\n{}{}{}{}{}"
      "<footer>Written by drkit {}, repository format {}.</footer>\n</main></body></html>\n",
      title_of(report.status()), kPageStyle, head(report, counts), not_looked_at(report), runs_table(report),
      snapshots_table(report), findings_table(report, counts), DRKIT_VERSION, kFormatVersion);
}

// Notebooks strip style sheets and have a background of their own: styles are inline, colours of text are inherited.
std::string to_html_fragment(const Snapshot& snapshot) {
  return fmt::format(
      "<div style=\"border:1px solid rgba(128,128,128,.35);border-radius:8px;padding:10px 14px;display:inline-block\">"
      "<div style=\"margin-bottom:6px\"><b>Snapshot</b> <code>{}</code> "
      "<span style=\"color:#fff;background:{};border-radius:999px;padding:1px 10px;font-size:85%\">{}</span></div>"
      "<table style=\"border-collapse:collapse;margin:0\">{}</table></div>",
      escape_markup(snapshot.id.substr(0, 8)), status_colour(snapshot.status), status_name(snapshot.status),
      short_facts(snapshot));
}

}  // namespace drkit
