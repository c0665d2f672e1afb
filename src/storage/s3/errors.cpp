#include "storage/s3/errors.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "storage/s3/time.hpp"

namespace drkit::storage::s3 {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Meaning {
  std::string_view server_code;
  ErrorCode code;
  Retry retry;
  const char* message;
};

constexpr auto kNo = Retry::no;
constexpr auto kYes = Retry::yes;

// The names that servers of different make give to what happened.
constexpr std::array kByCode = {
    Meaning{"NoSuchKey", ErrorCode::not_found, kNo, "no such object"},
    Meaning{"NoSuchVersion", ErrorCode::not_found, kNo, "no such version of the object"},
    Meaning{"NoSuchBucket", ErrorCode::not_found, kNo, "no such bucket"},
    Meaning{"NoSuchUpload", ErrorCode::unavailable, kYes, "the server lost the upload in parts"},
    Meaning{"InvalidPart", ErrorCode::unavailable, kYes, "the server lost a part of the upload"},
    Meaning{"PreconditionFailed", ErrorCode::already_exists, kNo, "the object exists already"},
    Meaning{"ConditionalRequestConflict", ErrorCode::unavailable, kYes, "another writer was at the same object"},
    Meaning{"OperationAborted", ErrorCode::unavailable, kYes, "another operation was at the same place"},
    Meaning{"SignatureDoesNotMatch", ErrorCode::unauthenticated, kNo, "the secret access key is not the right one"},
    Meaning{"InvalidAccessKeyId", ErrorCode::unauthenticated, kNo, "the server does not know the access key id"},
    // versitygw's word, with status 404.
    Meaning{"XAdminUserNotFound", ErrorCode::unauthenticated, kNo, "the server does not know the access key id"},
    Meaning{"InvalidClientTokenId", ErrorCode::unauthenticated, kNo, "the server does not know the access key id"},
    Meaning{"InvalidToken", ErrorCode::unauthenticated, kNo, "the session token is malformed"},
    Meaning{"ExpiredToken", ErrorCode::unauthenticated, kNo, "the credentials have expired"},
    Meaning{"ExpiredTokenException", ErrorCode::unauthenticated, kNo, "the credentials have expired"},
    Meaning{"TokenRefreshRequired", ErrorCode::unauthenticated, kNo, "the credentials have expired"},
    Meaning{"UserSuspended", ErrorCode::unauthenticated, kNo, "the user of these credentials is suspended"},
    Meaning{"AccessDenied", ErrorCode::permission_denied, kNo, "the server refuses access"},
    Meaning{"AllAccessDisabled", ErrorCode::permission_denied, kNo, "the server refuses access to the bucket"},
    Meaning{"AccountProblem", ErrorCode::permission_denied, kNo, "the server refuses access to the account"},
    Meaning{"InvalidObjectState", ErrorCode::precondition_failed, kNo, "the object is archived: restore it first"},
    Meaning{"QuotaExceeded", ErrorCode::no_space, kNo, "the quota is used up"},
    Meaning{"XMinioStorageFull", ErrorCode::no_space, kNo, "the storage is full"},
    Meaning{"InsufficientCapacity", ErrorCode::no_space, kNo, "the storage is full"},
    Meaning{"InsufficientStorage", ErrorCode::no_space, kNo, "the storage is full"},
    Meaning{"EntityTooLarge", ErrorCode::unsupported, kNo, "the object is larger than the server takes"},
    Meaning{"SlowDown", ErrorCode::rate_limited, kYes, "the server asks to slow down"},
    Meaning{"Throttling", ErrorCode::rate_limited, kYes, "the server asks to slow down"},
    Meaning{"ThrottlingException", ErrorCode::rate_limited, kYes, "the server asks to slow down"},
    Meaning{"RequestLimitExceeded", ErrorCode::rate_limited, kYes, "the server asks to slow down"},
    Meaning{"TooManyRequests", ErrorCode::rate_limited, kYes, "the server asks to slow down"},
    Meaning{"RequestTimeout", ErrorCode::timeout, kYes, "the server waited too long for the request"},
    Meaning{"InternalError", ErrorCode::unavailable, kYes, "the server failed"},
    Meaning{"ServiceUnavailable", ErrorCode::unavailable, kYes, "the server does not answer now"},
    Meaning{"BadDigest", ErrorCode::unavailable, kYes, "other bytes arrived than were sent"},
    Meaning{"XAmzContentSHA256Mismatch", ErrorCode::unavailable, kYes, "other bytes arrived than were sent"},
    Meaning{"IncompleteBody", ErrorCode::unavailable, kYes, "fewer bytes arrived than were sent"},
    Meaning{"NotImplemented", ErrorCode::unsupported, kNo, "the server does not have what was asked"},
    Meaning{"InvalidBucketName", ErrorCode::invalid_argument, kNo, "the server takes no bucket of this name"},
    Meaning{"AuthorizationHeaderMalformed", ErrorCode::invalid_argument, kNo, "the bucket is in another region"},
    Meaning{"PermanentRedirect", ErrorCode::invalid_argument, kNo, "the bucket has another endpoint"},
    Meaning{"InvalidStorageClass", ErrorCode::unsupported, kNo, "the server does not have the storage class"},
    Meaning{"ObjectLockConfigurationNotFoundError", ErrorCode::unsupported, kNo, "the bucket has no object lock"},
    Meaning{"NoSuchObjectLockConfiguration", ErrorCode::not_found, kNo, "the object has no retention"},
};

Meaning by_status(int status) {
  switch (status) {
    case 401:
      return {"", ErrorCode::unauthenticated, kNo, "the credentials were refused"};
    case 403:
      return {"", ErrorCode::permission_denied, kNo, "the server refuses access"};
    case 404:
      return {"", ErrorCode::not_found, kNo, "no such object or bucket"};
    case 405:
    case 501:
      return {"", ErrorCode::unsupported, kNo, "the server does not have what was asked"};
    case 408:
      return {"", ErrorCode::timeout, kYes, "the server waited too long for the request"};
    case 409:
      return {"", ErrorCode::unavailable, kYes, "another operation was at the same place"};
    case 412:
      return {"", ErrorCode::already_exists, kNo, "the object exists already"};
    case 429:
      return {"", ErrorCode::rate_limited, kYes, "the server asks to slow down"};
    case 507:
      return {"", ErrorCode::no_space, kNo, "the storage is full"};
    default:
      break;
  }
  if (status >= 500) return {"", ErrorCode::unavailable, kYes, "the server failed"};
  // Signed for one host alone, a request follows nobody to another.
  if (status >= 300 && status < 400) return {"", ErrorCode::invalid_argument, kNo, "the bucket has another endpoint"};
  return {"", ErrorCode::invalid_argument, kNo, "the server refuses the request"};
}

Meaning meaning_of(int status, const std::string& server_code) {
  const auto known =
      std::find_if(kByCode.begin(), kByCode.end(), [&](const Meaning& one) { return one.server_code == server_code; });
  return known == kByCode.end() ? by_status(status) : *known;
}

// Servers write what they like; an error stays one plain line.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, 200));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c < 0x20 || c > 0x7e; }, ' ');
  return line;
}

bool about_time(const std::string& server_code) {
  return server_code == "RequestTimeTooSkewed" || server_code == "RequestExpired" ||
         server_code == "RequestInTheFuture";
}

Error skew_error(std::optional<std::int64_t> skew_ns) {
  if (!skew_ns) return Error(ErrorCode::unauthenticated, "this machine's clock and the server's differ too much");
  const std::int64_t seconds = *skew_ns / kSecond;
  return Error(ErrorCode::unauthenticated, "this machine's clock is " + std::to_string(std::abs(seconds)) + " s " +
                                               (seconds < 0 ? "behind" : "ahead of") + " the server's: set it")
      .with("clock_skew_seconds", std::to_string(seconds));
}

bool names_lock(const ServerError& refusal) {
  return refusal.message.find("object lock") != std::string::npos ||
         refusal.message.find("Object Lock") != std::string::npos;
}

bool locked(const ServerError& refusal) {
  return refusal.code == "AccessDenied" && (refusal.message.find("WORM") != std::string::npos || names_lock(refusal));
}

Error first_line(const net::HttpResponse& response, const ServerError& refusal, std::int64_t now_ns) {
  constexpr std::int64_t kTooFar = 900 * kSecond;
  const auto skew = clock_skew_ns(response, now_ns);
  if (about_time(refusal.code)) return skew_error(skew);
  const Meaning meaning = meaning_of(response.status, refusal.code);
  // Some servers refuse a date that they do not like with the words of a wrong signature, or with none.
  const bool refused = response.status == 403 || meaning.code == ErrorCode::unauthenticated;
  if (refused && skew && std::abs(*skew) > kTooFar) return skew_error(skew);
  if (locked(refusal)) return Error(ErrorCode::permission_denied, "the object is locked");
  // Ceph's gateway calls a key of its key service that it cannot get by the name of the user's.
  if (refusal.message.find("kms-keyid") != std::string::npos) {
    return Error(ErrorCode::invalid_argument, "the server's key service does not give the key");
  }
  if (refusal.code == "InvalidRequest" && names_lock(refusal)) {
    return Error(ErrorCode::unsupported, "the bucket has no object lock");
  }
  return Error(meaning.code, meaning.message, meaning.retry);
}

}  // namespace

std::optional<std::int64_t> clock_skew_ns(const net::HttpResponse& response, std::int64_t now_ns) {
  const auto date = response.header("date");
  const auto server_ns = date ? parse_http_time(*date) : std::nullopt;
  return server_ns ? std::optional(now_ns - *server_ns) : std::nullopt;
}

Error answer_error(const net::HttpResponse& response, std::int64_t now_ns) {
  const ServerError refusal = parse_error(as_text(response.body));
  std::vector<std::pair<std::string, std::string>> details{{"status", std::to_string(response.status)}};
  const auto add = [&](const char* name, std::string_view value) {
    if (!value.empty()) details.emplace_back(name, one_line(value));
  };
  add("server_code", refusal.code);
  // A wrong signature's message repeats the whole request.
  if (refusal.code != "SignatureDoesNotMatch") add("server_message", refusal.message);
  add("bucket_region", refusal.region);
  add("request_id", response.header("x-amz-request-id").value_or(""));
  if (const auto wait = net::retry_after(response, now_ns)) {
    add("retry_after_ms", std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(*wait).count()));
  }
  Error error = first_line(response, refusal, now_ns);
  for (auto& [name, value] : details) {
    // Assigning what `with` answers to the error itself would move it onto itself.
    Error longer = std::move(error).with(std::move(name), std::move(value));
    error = std::move(longer);
  }
  return error;
}

}  // namespace drkit::storage::s3
