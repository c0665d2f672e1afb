// text: names and figures made safe and readable for pages, documents and tables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drkit::report {

/// Length in bytes of the well-formed UTF-8 sequence at the start of `text`; 0 when there is none.
std::size_t utf8_sequence(std::string_view text);

/// Any bytes as valid UTF-8: bytes that are no UTF-8 become "\xNN"; everything else stays as it is.
std::string to_utf8(std::string_view bytes);
bool is_utf8(std::string_view bytes);

/// For readers: as to_utf8, and control characters and those that turn the direction of the text become escapes,
/// so that a name cannot draw over the rest of a page or of a terminal.
std::string visible(std::string_view bytes);

/// visible() with the characters that mean something in HTML and XML, inside and outside attributes, escaped.
std::string escape_markup(std::string_view bytes);

/// "1.5 GiB"; powers of 1024.
std::string human_bytes(std::uint64_t bytes);
/// "12 345 678".
std::string human_count(std::uint64_t count);
/// "1.24 s", "3 min 04 s", "2 h 05 min".
std::string human_duration(std::int64_t nanoseconds);
/// "snapshot 0123abcd", "snapshots 0123abcd, 4567cdef and 3 more"; empty when there is none.
std::string snapshot_list(const std::vector<std::string>& ids);
/// RFC 3339 in UTC; with nine digits of a second, or to the second.
std::string utc_time(std::int64_t nanoseconds);
std::string utc_time_to_second(std::int64_t nanoseconds);

}  // namespace drkit::report
