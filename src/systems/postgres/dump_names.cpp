#include "systems/postgres/dump_names.hpp"

namespace drkit::systems::postgres {
namespace {
constexpr std::string_view kEnd = ".dump";
}

std::string dump_name(std::string_view database) {
  std::string name;
  for (const char c : database) {
    if (c == '/') {
      name += "%2F";
    } else if (c == '%') {
      name += "%25";
    } else {
      name += c;
    }
  }
  return name + std::string(kEnd);
}

Result<std::string> database_of_dump(std::string_view name) {
  const Error strange = Error(ErrorCode::corrupt, "not the name of a dump").with("name", std::string(name));
  if (!name.ends_with(kEnd)) return strange;
  name.remove_suffix(kEnd.size());
  std::string database;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const std::string_view code = name.substr(i, 3);
    if (name[i] != '%') {
      if (name[i] == '/') return strange;
      database += name[i];
      continue;
    }
    if (code != "%2F" && code != "%25") return strange;
    database += code == "%2F" ? '/' : '%';
    i += 2;
  }
  if (database.empty()) return strange;
  return database;
}

}  // namespace drkit::systems::postgres
