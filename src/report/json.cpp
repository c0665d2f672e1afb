// The values as JSON: keys are the names of the C++ members, in their order, and stay as they are within a major
// version.
#include <drkit/report.hpp>
#include <nlohmann/json.hpp>

#include "report/text.hpp"

namespace drkit {
namespace {

using Json = nlohmann::ordered_json;
using report::to_utf8;

std::string dump(const Json& document) { return document.dump(2, ' ', false, Json::error_handler_t::replace); }

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4U];
    out += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

Json text_map(const std::map<std::string, std::string>& values) {
  Json object = Json::object();
  for (const auto& [key, value] : values) object[to_utf8(key)] = to_utf8(value);
  return object;
}

Json problem_list(const std::vector<Problem>& problems) {
  Json list = Json::array();
  for (const Problem& problem : problems) {
    Json item;
    item["path"] = to_utf8(problem.path);
    // The escaped text alone could stand for two names; the bytes cannot.
    if (!report::is_utf8(problem.path)) item["path_hex"] = hex(problem.path);
    item["code"] = error_code_name(problem.code);
    item["message"] = to_utf8(problem.message);
    list.push_back(std::move(item));
  }
  return list;
}

Json backup_stats(const BackupStats& stats) {
  return {{"entries", stats.entries},
          {"files", stats.files},
          {"files_unchanged", stats.files_unchanged},
          {"bytes", stats.bytes},
          {"bytes_read", stats.bytes_read},
          {"bytes_new", stats.bytes_new},
          {"bytes_stored", stats.bytes_stored},
          {"chunks", stats.chunks},
          {"chunks_new", stats.chunks_new},
          {"problems", stats.problems},
          {"duration_ns", stats.duration_ns}};
}

Json restore_stats(const RestoreStats& stats) {
  return {{"entries", stats.entries},
          {"files", stats.files},
          {"bytes", stats.bytes},
          {"bytes_fetched", stats.bytes_fetched},
          {"bytes_written", stats.bytes_written},
          {"bytes_kept", stats.bytes_kept},
          {"problems", stats.problems},
          {"duration_ns", stats.duration_ns}};
}

Json error_object(const Error& error) {
  Json object;
  object["code"] = error_code_name(error.code());
  object["message"] = to_utf8(error.message());
  object["retryable"] = error.retryable();
  Json context = Json::object();
  for (const auto& [key, value] : error.context()) {
    const std::string name = to_utf8(key);
    context[name] = context.contains(name) ? context[name].get<std::string>() + ", " + to_utf8(value) : to_utf8(value);
  }
  object["context"] = std::move(context);
  if (error.cause() != nullptr) object["cause"] = error_object(*error.cause());
  return object;
}

Json finding_list(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"severity", severity_name(finding.severity)},
                    {"code", to_utf8(finding.code)},
                    {"subject", to_utf8(finding.subject)},
                    {"message", to_utf8(finding.message)},
                    {"snapshots", finding.snapshots}});
  }
  return list;
}

}  // namespace

std::string to_json(const Snapshot& snapshot) {
  Json object;
  object["id"] = snapshot.id;
  object["status"] = status_name(snapshot.status);
  object["time"] = report::utc_time(snapshot.time_ns);
  object["time_ns"] = snapshot.time_ns;
  object["source_kind"] = to_utf8(snapshot.source_kind);
  object["source_name"] = to_utf8(snapshot.source_name);
  object["host"] = to_utf8(snapshot.host);
  object["tags"] = text_map(snapshot.tags);
  object["stats"] = backup_stats(snapshot.stats);
  object["private_readable"] = snapshot.private_readable;
  object["receipt"] = text_map(snapshot.receipt);
  object["problems"] = problem_list(snapshot.problems);
  return dump(object);
}

std::string to_json(const Report& report) {
  Json object;
  object["ok"] = report.ok();
  object["status"] = check_status_name(report.status());
  object["repository_id"] = report.repository_id;
  object["storage"] = to_utf8(report.storage);
  object["snapshot_id"] = report.snapshot_id;
  object["level"] = check_level_name(report.level);
  object["sample_percent"] = report.sample_percent;
  object["time"] = report::utc_time(report.time_ns);
  object["time_ns"] = report.time_ns;
  object["duration_ns"] = report.duration_ns;
  object["runs"] = Json::array();
  for (const CheckRun& run : report.runs) {
    object["runs"].push_back({{"id", to_utf8(run.id)},
                              {"duration_ns", run.duration_ns},
                              {"looked_at", run.looked_at},
                              {"detail", to_utf8(run.detail)}});
  }
  object["snapshots"] = Json::array();
  for (const CheckedSnapshot& snapshot : report.snapshots) {
    object["snapshots"].push_back({{"id", snapshot.id},
                                   {"level", check_level_name(snapshot.level)},
                                   {"entries_missing", snapshot.entries_missing}});
  }
  object["not_looked_at"] = Json::array();
  for (const std::string& line : report.not_looked_at) object["not_looked_at"].push_back(to_utf8(line));
  object["findings"] = finding_list(report.findings);
  object["findings_left_out"] = report.findings_left_out;
  return dump(object);
}

std::string to_json(const RestoreResult& result) {
  Json object;
  object["status"] = status_name(result.status);
  object["stats"] = restore_stats(result.stats);
  object["problems"] = problem_list(result.problems);
  return dump(object);
}

std::string to_json(const Error& error) { return dump(error_object(error)); }

}  // namespace drkit
