// What a refusal of the server means for the caller.
#pragma once

#include <optional>
#include <string>

#include "net/http.hpp"
#include "storage/s3/answers.hpp"

namespace drkit::storage::s3 {

/// How far this machine's clock is ahead of the Date of the answer. Units: nanoseconds; nullopt: no Date.
std::optional<std::int64_t> clock_skew_ns(const net::HttpResponse& response, std::int64_t now_ns);

/// The error for an answer that is no success. Its context has "status" and, where the answer has them, "server_code",
/// "server_message", "request_id", "retry_after_ms" and "clock_skew_seconds".
Error answer_error(const net::HttpResponse& response, std::int64_t now_ns);

}  // namespace drkit::storage::s3
