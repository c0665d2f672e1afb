// A time as a server writes it into its log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace drkit::systems::postgres {

/// Nanoseconds since the Unix epoch of "2026-11-21 14:01:59.123456+02" (fraction and minutes of the zone may be
/// missing); null for anything else.
std::optional<std::int64_t> time_of_log(const std::string& text);

}  // namespace drkit::systems::postgres
