// Times as S3 writes them. Units: nanoseconds since the Unix epoch, UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drkit::storage::s3 {

/// "20150830T123600Z"
std::string basic_time(std::int64_t ns);
/// "2015-08-30T12:36:00Z", rounded up to a whole second.
std::string iso_time(std::int64_t ns);

/// "2015-08-30T12:36:00Z", with fractions of a second or without; also with "+00:00" for the Z.
std::optional<std::int64_t> parse_iso_time(std::string_view text);
/// "Sun, 30 Aug 2015 12:36:00 GMT"
std::optional<std::int64_t> parse_http_time(std::string_view text);

}  // namespace drkit::storage::s3
