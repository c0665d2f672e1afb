// Names of the streams that hold dumps.
#pragma once

#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::systems::postgres {

inline constexpr std::string_view kGlobalsName = "globals.sql";

/// "my/db" is kept as "my%2Fdb.dump".
std::string dump_name(std::string_view database);
/// Errors: corrupt when it is not one of ours.
Result<std::string> database_of_dump(std::string_view name);

}  // namespace drkit::systems::postgres
