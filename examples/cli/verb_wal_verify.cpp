// drkit wal verify: holes, gaps, timelines, and what can be recovered to.
#include "text.hpp"
#include "verb_wal.hpp"

namespace cli {

using namespace drkit;

Json window_json(const RecoveryWindow& window) {
  return {{"system_id", std::to_string(window.system_id)},
          {"snapshot", window.snapshot},
          {"timeline", window.timeline},
          {"start_lsn", lsn_text(window.start_lsn)},
          {"end_lsn", lsn_text(window.end_lsn)},
          {"start_time", utc_time(window.start_time_ns)},
          {"start_time_ns", window.start_time_ns},
          {"end_time", utc_time(window.end_time_ns)},
          {"end_time_ns", window.end_time_ns},
          {"ended_by", window.ended_by},
          {"proof", window.proof}};
}

namespace {

Json timeline_json(const WalTimeline& timeline) {
  Json spans = Json::array();
  for (const WalSpan& span : timeline.spans) {
    spans.push_back({{"start_lsn", lsn_text(span.start)}, {"end_lsn", lsn_text(span.end)}});
  }
  return {{"system_id", std::to_string(timeline.system_id)},
          {"timeline", timeline.timeline},
          {"parent", timeline.parent},
          {"switch_lsn", lsn_text(timeline.switch_lsn)},
          {"reason", to_utf8(timeline.reason)},
          {"has_history", timeline.has_history},
          {"spans", std::move(spans)}};
}

Json report_json(const WalReport& report) {
  Json document{{"status", "complete"}, {"objects_read", report.objects_read}, {"bytes_read", report.bytes_read}};
  document["timelines"] = Json::array();
  for (const WalTimeline& timeline : report.timelines) document["timelines"].push_back(timeline_json(timeline));
  document["problems"] = Json::array();
  for (const WalProblem& problem : report.problems) {
    document["problems"].push_back({{"code", problem.code},
                                    {"system_id", std::to_string(problem.system_id)},
                                    {"timeline", problem.timeline},
                                    {"start_lsn", lsn_text(problem.start)},
                                    {"end_lsn", lsn_text(problem.end)},
                                    {"message", problem.message}});
  }
  document["windows"] = Json::array();
  for (const RecoveryWindow& window : report.windows) document["windows"].push_back(window_json(window));
  return document;
}

void show(Session& session, const WalReport& report) {
  for (const WalTimeline& timeline : report.timelines) {
    std::string line =
        "cluster " + std::to_string(timeline.system_id) + "  timeline " + std::to_string(timeline.timeline);
    if (timeline.parent != 0) {
      line += " from " + std::to_string(timeline.parent) + " at " + lsn_text(timeline.switch_lsn);
    }
    for (const WalSpan& span : timeline.spans) line += "  " + lsn_text(span.start) + ".." + lsn_text(span.end);
    session.print(line + "\n");
  }
  for (const RecoveryWindow& window : report.windows) {
    session.print("snapshot " + window.snapshot.substr(0, 8) + "  timeline " + std::to_string(window.timeline) + "  " +
                  local_time(window.start_time_ns) + " .. " + local_time(window.end_time_ns) + "  " +
                  lsn_text(window.start_lsn) + " .. " + lsn_text(window.end_lsn) + "  (" + window.ended_by + ")\n");
  }
  for (const WalProblem& problem : report.problems) {
    session.print("problem " + problem.code + "  timeline " + std::to_string(problem.timeline) + "  " +
                  lsn_text(problem.start) + " .. " + lsn_text(problem.end) + "  " + problem.message + "\n");
  }
}

struct VerifyArguments {
  std::string repository;
  WalVerifyOptions options;
};

std::string looked_at(const WalReport& report, const WalVerifyOptions& options) {
  if (!options.read) {
    return "looked at: names and sizes of the stored log, and whether it is that of the snapshots; --read opens all of "
           "it";
  }
  return "read " + human_count(report.objects_read) + " segments, " + human_bytes(report.bytes_read) +
         " of log: all that the windows need";
}

Result<int> run_verify(Session& session, const VerifyArguments& arguments) {
  DRKIT_ASSIGN(const Repository repository, session.open(arguments.repository));
  DRKIT_ASSIGN(const WalReport report, verify_wal(session.context(), repository, arguments.options));
  if (session.json()) {
    session.print_document(report_json(report));
  } else {
    show(session, report);
  }
  session.summary(looked_at(report, arguments.options));
  return report.problems.empty() ? kComplete : kDamage;
}

}  // namespace

void add_wal_verify(CLI::App& parent, Session& session) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* verb = session.add_verb(parent, "verify", "Look for holes; show timelines and what can be recovered to",
                                    "drkit wal verify /srv/backup");
  verb->add_option("REPO", arguments->repository, "The repository")->required();
  verb->add_flag("--read", arguments->options.read, "Open every object of the log that is needed, and read it through");
  session.on(verb, [arguments](Session& s) { return run_verify(s, *arguments); });
}

}  // namespace cli
