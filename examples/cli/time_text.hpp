// time_text: points in time as people type them.
#pragma once

#include <cstdint>
#include <string_view>

#include <drkit/result.hpp>

namespace cli {

/// "2026-11-21 03:31:00.123456+00", also with a T and a Z; without a zone it is the machine's. Units of the answer:
/// nanoseconds since the Unix epoch. Errors: invalid_argument.
drkit::Result<std::int64_t> parse_time(std::string_view text);

}  // namespace cli
