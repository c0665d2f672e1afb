#include <drkit/report.hpp>

#include <nlohmann/json.hpp>

namespace drkit {

std::string to_json(const ProbeReport& report) {
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  for (const ProbeItem& item : report.items) {
    nlohmann::ordered_json one = {
        {"id", item.id}, {"verdict", probe_verdict_name(item.verdict)}, {"explanation", item.explanation}};
    if (!item.unit.empty()) {
      one["value"] = item.value;
      one["unit"] = item.unit;
    }
    items.push_back(std::move(one));
  }
  const nlohmann::ordered_json document = {
      {"storage", report.storage},       {"verdict", probe_verdict_name(report.verdict)},
      {"safe", report.safe()},           {"summary", report.summary},
      {"started_ns", report.started_ns}, {"duration_ns", report.duration_ns},
      {"items", std::move(items)}};
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace drkit
