#include "systems/postgres/backup_label.hpp"

#include <algorithm>

namespace drkit::systems::postgres {

std::map<std::string, std::string> parse_backup_label(std::string_view text) {
  std::map<std::string, std::string> fields;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos) {
      fields.emplace(std::string(line.substr(0, colon)), std::string(line.substr(colon + 2)));
    }
  }
  return fields;
}

std::string without_increment(std::string_view label) {
  std::string kept;
  while (!label.empty()) {
    const std::size_t end = std::min(label.find('\n'), label.size() - 1) + 1;
    if (!label.starts_with("INCREMENTAL FROM ")) kept += label.substr(0, end);
    label.remove_prefix(end);
  }
  return kept;
}

}  // namespace drkit::systems::postgres
