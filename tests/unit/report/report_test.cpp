#include <doctest/doctest.h>

#include <drkit/report.hpp>
#include <nlohmann/json.hpp>

#include "report/text.hpp"

using namespace drkit;
using Json = nlohmann::ordered_json;

namespace {

// Names as an attacker or a very old disk would give them.
const std::string kHostile = "</td><script>alert('x')</script>\"&\x1b[2J\xff\xfe\n\u202E]]>";

Report hostile_report() {
  Report report;
  report.repository_id = "0123456789abcdef0123456789abcdef";
  report.snapshot_id = "fedcba9876543210fedcba9876543210";
  report.level = CheckLevel::files;
  report.time_ns = 1'700'000'000'000'000'000;
  report.duration_ns = 2'500'000'000;
  report.runs = {{"file_hashes", 2'000'000'000, 1234, kHostile}, {kHostile, 1, 0, ""}};
  report.findings = {{Severity::note, "note_code", "n", "note text"},
                     {Severity::damage, kHostile, kHostile, kHostile},
                     {Severity::warning, "warn_code", "w", "warn text"}};
  return report;
}

Snapshot hostile_snapshot() {
  Snapshot snapshot;
  snapshot.id = "fedcba9876543210fedcba9876543210";
  snapshot.status = Status::partial;
  snapshot.time_ns = 5;
  snapshot.source_kind = "filesystem";
  snapshot.source_name = kHostile;
  snapshot.tags = {{"env", kHostile}};
  snapshot.receipt = {{"start_lsn", "0/28"}};
  snapshot.problems = {{"caf\xe9", ErrorCode::permission_denied, "cannot open"}, {"plain", ErrorCode::io, kHostile}};
  snapshot.stats.bytes = 4096;
  snapshot.stats.bytes_stored = 1024;
  snapshot.stats.problems = 2;
  return snapshot;
}

bool only_printable_utf8(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n') return false;
  }
  return report::is_utf8(text);
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

}  // namespace

TEST_CASE("a report as JSON has its keys in order and survives hostile names") {
  const Json json = Json::parse(to_json(hostile_report()));
  CHECK(keys_of(json) == std::vector<std::string>{"ok", "status", "repository_id", "storage", "snapshot_id", "level",
                                                  "sample_percent", "time", "time_ns", "duration_ns", "runs",
                                                  "snapshots", "not_looked_at", "findings", "findings_left_out"});
  CHECK(json["status"] == "damaged");
  CHECK(json["ok"] == false);
  CHECK(json["level"] == "files");
  CHECK(json["runs"][0]["looked_at"] == 1234);
  CHECK(json["findings"][1]["severity"] == "damage");
  const std::string subject = json["findings"][1]["subject"];
  CHECK(subject.find("\\xff\\xfe") != std::string::npos);
  CHECK(subject.find("<script>") != std::string::npos);
}

TEST_CASE("a snapshot as JSON keeps the bytes of names that are no UTF-8") {
  const Json json = Json::parse(to_json(hostile_snapshot()));
  CHECK(keys_of(json) == std::vector<std::string>{"id", "status", "time", "time_ns", "source_kind", "source_name",
                                                  "host", "tags", "stats", "private_readable", "receipt", "problems"});
  CHECK(json["status"] == "partial");
  CHECK(json["time"] == "1970-01-01T00:00:00.000000005Z");
  CHECK(json["problems"][0]["path"] == "caf\\xe9");
  CHECK(json["problems"][0]["path_hex"] == "636166e9");
  CHECK(json["problems"][0]["code"] == "permission_denied");
  CHECK_FALSE(json["problems"][1].contains("path_hex"));
  CHECK(json["stats"]["bytes_stored"] == 1024);
  CHECK(json["receipt"]["start_lsn"] == "0/28");
}

TEST_CASE("a restore result and an error as JSON") {
  RestoreResult result;
  result.stats.bytes_kept = 7;
  CHECK(Json::parse(to_json(result))["stats"]["bytes_kept"] == 7);
  CHECK(Json::parse(to_json(result))["status"] == "complete");

  const Json error = Json::parse(to_json(Error(ErrorCode::io, "cannot write", Retry::yes)
                                             .with("key", "a")
                                             .with("key", "b")
                                             .caused_by(Error(ErrorCode::no_space, "full \xff"))));
  CHECK(keys_of(error) == std::vector<std::string>{"code", "message", "retryable", "context", "cause"});
  CHECK(error["retryable"] == true);
  CHECK(error["context"]["key"] == "a, b");
  CHECK(error["cause"]["message"] == "full \\xff");
}

TEST_CASE("a page shows hostile names and runs none of them") {
  const std::string html = to_html(hostile_report());
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") != std::string::npos);
  CHECK(html.find("http") == std::string::npos);
  CHECK(html.find("Damage found: 1") != std::string::npos);
  CHECK(only_printable_utf8(html));
  CHECK(html.find("damage") < html.find("note text"));
  CHECK(html.find("warn text") < html.find("note text"));
}

TEST_CASE("the verdict of a page says what was found") {
  Report report;
  CHECK(to_html(report).find("No damage found") != std::string::npos);
  CHECK(to_html(report).find("nothing looked wrong") != std::string::npos);
  report.findings = {{Severity::warning, "c", "s", "m"}};
  CHECK(to_html(report).find("No damage, 1 warning<") != std::string::npos);
}

TEST_CASE("a report is partial when a snapshot is, or was looked at less deeply than asked") {
  Report report;
  report.level = CheckLevel::boot;
  report.snapshots = {{"0123456789abcdef0123456789abcdef", CheckLevel::boot, 0}};
  CHECK(report.ok());
  report.snapshots.push_back({"89abcdef0123456789abcdef01234567", CheckLevel::files, 0});
  CHECK(report.status() == CheckStatus::partial);
  CHECK_FALSE(report.ok());
  CHECK(to_html(report).find("Partial: 1 snapshot not looked at this deeply") != std::string::npos);
  CHECK(to_html(report).find("No damage") == std::string::npos);
  CHECK(to_junit(report).find("failures=\"1\"") != std::string::npos);
  report.snapshots = {{"0123456789abcdef0123456789abcdef", CheckLevel::boot, 3}};
  CHECK(report.status() == CheckStatus::partial);
  CHECK(report.entries_missing() == 3);
  CHECK(to_html(report).find("Partial: 3 entries never backed up") != std::string::npos);
  report.findings_left_out = 1;
  CHECK(report.status() == CheckStatus::damaged);
}

TEST_CASE("every rendering says what was not looked at, the sample, and the snapshots of a finding") {
  Report report;
  report.storage = kHostile;
  report.sample_percent = 7;
  report.not_looked_at = {kHostile};
  report.findings = {{Severity::note, "c", "s", "m", {"0123456789", "123456789a", "2", "3", "4", "5", "6"}}};
  const std::string html = to_html(report);
  CHECK(html.find("in a sample of 7 %") != std::string::npos);
  CHECK(html.find("Not looked at") != std::string::npos);
  CHECK(html.find("snapshots 01234567, 12345678, 2, 3, 4 and 2 more") != std::string::npos);
  const std::string xml = to_junit(report);
  CHECK(xml.find("skipped=\"1\"") != std::string::npos);
  CHECK(xml.find("value=\"7\"") != std::string::npos);
  for (const std::string& text : {html, xml}) {
    CHECK(text.find("<script") == std::string::npos);
    CHECK(only_printable_utf8(text));
  }
  const Json json = Json::parse(to_json(report));
  CHECK(json["sample_percent"] == 7);
  CHECK(json["not_looked_at"].size() == 1);
  CHECK(json["findings"][0]["snapshots"].size() == 7);
}

TEST_CASE("a page of very many findings stays a page") {
  Report report;
  for (int i = 0; i < 2000; ++i) report.findings.push_back({Severity::damage, "c", "s", "m"});
  const std::string html = to_html(report);
  CHECK(html.find("The first 1 000 of 2 000 are shown") != std::string::npos);
  CHECK(html.size() < 200'000);
}

TEST_CASE("a snapshot's fragment escapes and shows the ratio") {
  const std::string html = to_html_fragment(hostile_snapshot());
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("1 : 4.0") != std::string::npos);
  CHECK(html.find("partial") != std::string::npos);
  CHECK(only_printable_utf8(html));
}

TEST_CASE("JUnit counts damage as failures and nothing else") {
  const std::string xml = to_junit(hostile_report());
  CHECK(xml.find("tests=\"5\" failures=\"1\" errors=\"0\" time=\"2.500\"") != std::string::npos);
  CHECK(xml.find("<script") == std::string::npos);
  CHECK(xml.find("warning: warn text") != std::string::npos);
  CHECK(xml.find("timestamp=\"2023-11-14T22:13:20\"") != std::string::npos);
  CHECK(only_printable_utf8(xml));
}
