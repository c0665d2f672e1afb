// text: what people type and read: sizes, rates, times, names of any bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace cli {

/// "64MiB", "1G", "1500000", "10MB": K, M, G, T and KiB.. are powers of 1024, KB.. powers of 1000.
drkit::Result<std::uint64_t> parse_size(std::string_view text);
/// A size, perhaps followed by "/s".
drkit::Result<std::uint64_t> parse_rate(std::string_view text);
/// "K=V" with a non-empty K.
drkit::Result<std::pair<std::string, std::string>> parse_pair(std::string_view text, std::string_view what);

/// Valid UTF-8 from any bytes: those that are none become "\xNN".
std::string to_utf8(std::string_view bytes);
bool is_utf8(std::string_view bytes);
/// As to_utf8, and control characters are escaped: a file name must not drive a terminal.
std::string visible(std::string_view bytes);
std::string hex(std::string_view bytes);

std::string human_bytes(std::uint64_t bytes);
std::string human_count(std::uint64_t count);
std::string human_duration(std::int64_t nanoseconds);
/// "2026-11-21 03:31:00" in the machine's time zone.
std::string local_time(std::int64_t nanoseconds);
/// RFC 3339 in UTC with nanoseconds.
std::string utc_time(std::int64_t nanoseconds);

/// Pads to a width counted in characters, not bytes.
std::string left(std::string text, std::size_t width);
std::string right(std::string text, std::size_t width);
std::size_t width_of(std::string_view text);

}  // namespace cli
