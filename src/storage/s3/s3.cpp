#include "storage/s3/s3.hpp"

#include <algorithm>

#include "base/hex.hpp"
#include "base/patience.hpp"
#include "net/http.hpp"
#include "storage/key.hpp"
#include "storage/s3/answers.hpp"
#include "storage/s3/errors.hpp"
#include "storage/s3/headers.hpp"
#include "storage/s3/multipart.hpp"
#include "storage/s3/time.hpp"

namespace drkit {
namespace storage::s3 {
namespace {

// S3 has no keys with this byte among those that a repository may use, so no listing shows it.
constexpr std::string_view kOfferName = "conditional-create~";
constexpr std::uint64_t kMaxWhole = std::uint64_t{5} << 30;
constexpr std::uint64_t kMaxObject = std::uint64_t{5} << 40;

Error with_key(Error error, std::string_view key) { return std::move(error).with("key", std::string(key)); }

std::string range_header(ByteRange range) {
  const std::string first = "bytes=" + std::to_string(range.offset) + "-";
  const bool to_end = range.length > kMaxObject - std::min(range.offset, kMaxObject);
  return to_end ? first : first + std::to_string(range.offset + range.length - 1);
}

std::size_t answer_bound(std::uint64_t wanted) {
  // An error has to fit too.
  constexpr std::uint64_t kLeast = 64U << 10;
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(wanted, kLeast, kMaxObject));
}

}  // namespace

Bucket::Bucket(S3Options options, Transport transport)
    : options_(std::move(options)),
      client_(options_, std::move(transport)),
      conditional_(options_, client_, object_of(kOfferName)) {}

Result<void> Bucket::open(const Context& ctx) {
  const auto found = base::repeat_briefly(ctx, options_.open_attempts, [&] { return conditional_.find_out(ctx); });
  if (found) return {};
  const Error& error = found.error();
  // A full bucket, one that may only be read and one that does not answer now must open all the same.
  const bool later =
      error.retryable() || error.code() == ErrorCode::permission_denied || error.code() == ErrorCode::no_space;
  if (!later) return found.error();
  ctx.write_log(LogLevel::info, "conditional creation is not known yet: " + error.to_string());
  return {};
}

std::string Bucket::object_of(std::string_view key) const {
  return options_.prefix.empty() ? std::string(key) : options_.prefix + "/" + std::string(key);
}

std::string_view Bucket::key_of(std::string_view object) const {
  return options_.prefix.empty() ? object : object.substr(std::min(options_.prefix.size() + 1, object.size()));
}

StorageInfo Bucket::info() const {
  StorageInfo info;
  info.scheme = "s3";
  info.name = display_name(options_);
  info.conditional_create = conditional_.known() == ConditionalCreate::Answer::yes;
  info.max_object_bytes = kMaxObject;
  return info;
}

Result<ObjectInfo> Bucket::stat(const Context& ctx, std::string_view key) {
  DRKIT_TRY(begin_call(ctx, key));
  return head(ctx, key);
}

Result<ObjectInfo> Bucket::head(const Context& ctx, std::string_view key) {
  Request request;
  request.method = "HEAD";
  request.object = object_of(key);
  request.headers = read_headers(options_);
  const auto response = client_.call(ctx, request);
  if (!response) return with_key(response.error(), key);
  const auto size = parse_number(response->header("content-length").value_or(""));
  if (!size) return key_error(ErrorCode::unavailable, "the server does not tell the object's size", key, Retry::yes);
  ObjectInfo info;
  info.key = key;
  info.size_bytes = *size;
  info.modified_ns = parse_http_time(response->header("last-modified").value_or("")).value_or(0);
  return info;
}

Result<Bytes> Bucket::get(const Context& ctx, std::string_view key, ByteRange range) {
  DRKIT_TRY(begin_call(ctx, key));
  if (range.length == 0) return past_end(ctx, key, range);
  const bool whole = range.offset == 0 && range.length == ByteRange().length;
  return whole ? get_whole(ctx, key) : get_range(ctx, key, range);
}

Result<Bytes> Bucket::get_whole(const Context& ctx, std::string_view key) {
  Request request;
  request.object = object_of(key);
  request.headers = read_headers(options_);
  request.max_response_bytes = answer_bound(kMaxObject);
  auto response = client_.call(ctx, request);
  if (!response) return with_key(std::move(response).error(), key);
  if (options_.content_md5) {
    const auto told = etag_md5(response->header("etag").value_or(""), *response);
    const auto sum = told ? md5(response->body) : std::nullopt;
    if (sum && *sum != *told) {
      return key_error(ErrorCode::unavailable, "other bytes arrived than the server sent", key, Retry::yes);
    }
  }
  return std::move(response->body);
}

Result<Bytes> Bucket::get_range(const Context& ctx, std::string_view key, ByteRange range) {
  Request request;
  request.object = object_of(key);
  request.headers = read_headers(options_);
  request.headers.emplace_back("range", range_header(range));
  request.max_response_bytes = answer_bound(range.length);
  auto response = client_.send(ctx, request);
  if (!response) return with_key(std::move(response).error(), key);
  if (response->status == 416) return past_end(ctx, key, range);
  if (response->status == 200) {
    // The whole object: this server knows no ranges, or not for this object.
    DRKIT_ASSIGN(const std::uint64_t size, clip_range(range, response->body.size(), key));
    const auto first = response->body.begin() + static_cast<std::ptrdiff_t>(range.offset);
    return Bytes(first, first + static_cast<std::ptrdiff_t>(size));
  }
  if (response->status != 206) return with_key(answer_error(*response, ctx.clock->wall_ns()), key);
  const auto given = parse_content_range(response->header("content-range").value_or(""));
  const std::uint64_t size = response->body.size();
  const bool fits = given && given->first == range.offset && given->last - given->first + 1 == size &&
                    (size == range.length || !given->total || given->last + 1 == *given->total);
  if (!fits) return key_error(ErrorCode::unavailable, "the server gives another range", key, Retry::yes);
  return std::move(response->body);
}

// Nothing of an object is asked for, or what the server says lies behind its end.
Result<Bytes> Bucket::past_end(const Context& ctx, std::string_view key, ByteRange range) {
  DRKIT_ASSIGN(const ObjectInfo info, head(ctx, key));
  DRKIT_ASSIGN(const std::uint64_t size, clip_range(range, info.size_bytes, key));
  if (size == 0) return Bytes();
  return key_error(ErrorCode::unavailable, "the object changed while it was read", key, Retry::yes);
}

Result<void> Bucket::put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions put_options) {
  DRKIT_TRY(begin_call(ctx, key));
  auto done = [&]() -> Result<void> {
    if (put_options.if_absent) return put_absent(ctx, key, bytes);
    // Some servers forget the lock of what is put in parts, and none locks it before it is whole.
    const bool locked = options_.lock_mode != S3LockMode::none || options_.legal_hold;
    if (!locked && bytes.size() > options_.part_size_bytes) {
      return put_in_parts(ctx, client_, options_, object_of(key), bytes);
    }
    if (bytes.size() > kMaxWhole) return Error(ErrorCode::unsupported, "larger than 5 GiB and locked");
    return put_whole(ctx, object_of(key), bytes, Condition::none);
  }();
  if (done.ok()) done = confirm_lock(ctx, key);
  if (done) return {};
  Error error = with_key(std::move(done).error(), key);
  // Servers refuse a class that they do not have without saying what they dislike.
  const bool class_unclear = error.code() == ErrorCode::invalid_argument && !options_.storage_class.empty();
  return class_unclear ? std::move(error).with("storage_class", options_.storage_class) : std::move(error);
}

Result<void> Bucket::put_absent(const Context& ctx, std::string_view key, ByteView bytes) {
  // In parts there is no condition that all servers honour.
  if (bytes.size() > kMaxWhole) return Error(ErrorCode::unsupported, "larger than 5 GiB and only if absent");
  const auto answer = conditional_.find_out(ctx);
  const bool forbidden = !answer && answer.error().code() == ErrorCode::permission_denied;
  if (!answer && !forbidden) return answer.error();
  // Who may not write the offer may still write this object; then both ways are gone.
  if (forbidden) return put_absent_looking(ctx, key, bytes, Condition::if_absent);
  if (*answer == ConditionalCreate::Answer::no) return put_absent_looking(ctx, key, bytes, Condition::none);
  return put_whole(ctx, object_of(key), bytes, Condition::if_absent);
}

Result<void> Bucket::put_absent_looking(const Context& ctx, std::string_view key, ByteView bytes, Condition condition) {
  DRKIT_ASSIGN(const KeyLocks::Held alone, creating_.take(ctx, std::string(key)));
  const auto there = head(ctx, key);
  if (there) return Error(ErrorCode::already_exists, "the object exists already");
  if (there.error().code() != ErrorCode::not_found) return there.error();
  return put_whole(ctx, object_of(key), bytes, condition);
}

Result<void> Bucket::put_whole(const Context& ctx, const std::string& object, ByteView bytes, Condition condition) {
  Request request;
  request.method = "PUT";
  request.object = object;
  request.headers = put_headers(options_, PutKind::object, ctx.clock->wall_ns());
  request.body = bytes;
  request.has_body = true;
  const auto sum = options_.content_md5 ? md5(bytes) : std::nullopt;
  if (sum) request.headers.emplace_back("content-md5", to_base64(*sum));
  if (condition == Condition::if_absent) request.headers.emplace_back("if-none-match", "*");
  DRKIT_ASSIGN(const net::HttpResponse response, client_.call(ctx, request));
  DRKIT_TRY(confirm_encryption(options_, response));
  const auto stored = etag_md5(response.header("etag").value_or(""), response);
  if (sum && stored && *sum != *stored) {
    return Error(ErrorCode::unavailable, "the server confirms other bytes than were sent", Retry::yes);
  }
  return {};
}

Result<void> Bucket::list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) {
  DRKIT_TRY(begin_list(ctx, prefix));
  std::string token;
  while (true) {
    Request request;
    request.query = {{"list-type", "2"}, {"prefix", object_of(prefix)}, {"encoding-type", "url"}};
    if (!token.empty()) request.query.emplace_back("continuation-token", token);
    const auto response = client_.call(ctx, request);
    if (!response) return with_key(response.error(), prefix);
    auto page = parse_list(as_text(response->body));
    if (!page) return with_key(std::move(page).error(), prefix);
    for (const ListedObject& object : page->objects) {
      // What others have put into the bucket is not ours to show.
      const std::string_view key = key_of(object.key);
      if (!object.key.starts_with(object_of(prefix)) || !validate_storage_key(key)) continue;
      if (!visit({std::string(key), object.size_bytes, object.modified_ns})) return {};
      if (auto running = ctx.check_cancelled(); !running) return with_key(std::move(running).error(), prefix);
    }
    if (!page->more) return {};
    if (page->next == token) return key_error(ErrorCode::unavailable, "the listing turns in a circle", prefix);
    token = std::move(page->next);
  }
}

Result<std::shared_ptr<Bucket>> make_bucket(const Context& ctx, S3Options options, Transport transport) {
  DRKIT_TRY(validate(options));
  auto bucket = std::make_shared<Bucket>(std::move(options), std::move(transport));
  DRKIT_TRY(bucket->open(ctx));
  return bucket;
}

namespace {

Result<HttpPtr> make_client(const S3Options& options, std::chrono::milliseconds connect,
                            std::chrono::milliseconds stall) {
  net::HttpOptions http;
  http.tls.ca_file = options.ca_file;
  http.tls.certificate_file = options.client_certificate_file;
  http.tls.key_file = options.client_key_file;
  http.proxy = options.proxy;
  http.connect_timeout = connect;
  http.stall_timeout = stall;
  http.max_connections = options.max_connections;
  DRKIT_ASSIGN(std::unique_ptr<net::HttpClient> client, net::HttpClient::create(std::move(http)));
  return HttpPtr(std::move(client));
}

}  // namespace
}  // namespace storage::s3

Result<std::shared_ptr<S3Storage>> make_s3_storage(const Context& ctx, S3Options options) {
  using namespace storage::s3;
  DRKIT_TRY(validate(options));
  Transport transport;
  DRKIT_ASSIGN(transport.requests, make_client(options, options.connect_timeout, options.stall_timeout));
  constexpr std::chrono::milliseconds kBrief{2000};
  DRKIT_ASSIGN(transport.cleanup, make_client(options, std::min(kBrief, options.connect_timeout), kBrief));
  DRKIT_ASSIGN(std::shared_ptr<Bucket> bucket, make_bucket(ctx, std::move(options), std::move(transport)));
  return std::shared_ptr<S3Storage>(std::move(bucket));
}

}  // namespace drkit
