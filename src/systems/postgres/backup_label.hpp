// The backup_label file: "KEY: value" lines.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace drkit::systems::postgres {

/// Keys as written, for example "CHECKPOINT LOCATION"; lines of another form are left out.
std::map<std::string, std::string> parse_backup_label(std::string_view text);

/// The label of a complete tree: a server does not start with one that speaks of an earlier backup.
std::string without_increment(std::string_view label);

}  // namespace drkit::systems::postgres
