// PostgreSQL's backup_label: its fields, and the same label as that of a full backup.
#include "fuzz/property.hpp"
#include "systems/postgres/backup_label.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(fuzz::view(data, size));
  const auto fields = parse_backup_label(text);
  for (const auto& [name, value] : fields) {
    fuzz::require(name.find('\n') == std::string::npos && name.find(": ") == std::string::npos);
    fuzz::require(value.find('\n') == std::string::npos);
    fuzz::require(text.find(name + ": " + value) != std::string_view::npos);
  }
  const std::string full = without_increment(text);
  fuzz::require(full.size() <= size && without_increment(full) == full);
  for (const auto& [name, value] : parse_backup_label(full)) {
    fuzz::require(!name.starts_with("INCREMENTAL FROM ") && fields.contains(name));
  }
  return 0;
}
