// What only S3 has: versions, retention, legal hold, uploads that nobody completed.
#include <algorithm>

#include "storage/key.hpp"
#include "storage/s3/answers.hpp"
#include "storage/s3/errors.hpp"
#include "storage/s3/headers.hpp"
#include "storage/s3/multipart.hpp"
#include "storage/s3/s3.hpp"
#include "storage/s3/time.hpp"

namespace drkit::storage::s3 {
namespace {

Error with_key(Error error, std::string_view key) { return std::move(error).with("key", std::string(key)); }

bool holds(const Error& error, std::string_view name, std::string_view value) {
  const auto& context = error.context();
  return std::any_of(context.begin(), context.end(),
                     [&](const auto& item) { return item.first == name && item.second == value; });
}

// Servers say in different words that an object or a bucket has nothing of the kind.
bool has_no_lock(const Error& error) {
  return holds(error, "server_code", "NoSuchObjectLockConfiguration") ||
         holds(error, "server_code", "ObjectLockConfigurationNotFoundError");
}

constexpr const char* kNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

}  // namespace

Result<void> Bucket::remove(const Context& ctx, std::string_view key) {
  DRKIT_TRY(begin_call(ctx, key));
  auto done = options_.remove_versions ? remove_versions(ctx, object_of(key)) : remove_latest(ctx, object_of(key));
  if (!done) return with_key(std::move(done).error(), key);
  return {};
}

Result<void> Bucket::remove_latest(const Context& ctx, const std::string& object) {
  Request request;
  request.method = "DELETE";
  request.object = object;
  DRKIT_ASSIGN(const net::HttpResponse response, client_.send(ctx, request));
  if (response.status >= 200 && response.status < 300) return {};
  Error error = answer_error(response, ctx.clock->wall_ns());
  // A missing bucket is no success.
  if (holds(error, "server_code", "NoSuchKey")) return {};
  return error;
}

Result<void> Bucket::remove_versions(const Context& ctx, const std::string& object) {
  Request request;
  request.query = {{"versions", ""}, {"prefix", object}, {"encoding-type", "url"}};
  const Pairs first = request.query;
  while (true) {
    DRKIT_ASSIGN(const net::HttpResponse response, client_.call(ctx, request));
    DRKIT_ASSIGN(const ListPage page, parse_versions(as_text(response.body)));
    bool others = false;
    for (const ListedObject& version : page.objects) {
      others = others || version.key != object;
      if (version.key != object) continue;
      Request removal;
      removal.method = "DELETE";
      removal.object = object;
      removal.query = {{"versionId", version.version}};
      if (options_.bypass_governance) removal.headers = {{"x-amz-bypass-governance-retention", "true"}};
      DRKIT_TRY(client_.call(ctx, removal));
    }
    // Keys come in order: behind the first other one there is no version of this one.
    if (!page.more || others) return {};
    request.query = first;
    request.query.emplace_back("key-marker", page.next);
    if (!page.next_version.empty()) request.query.emplace_back("version-id-marker", page.next_version);
  }
}

Result<std::string> Bucket::get_document(const Context& ctx, std::string_view key, const char* resource) {
  Request request;
  request.object = object_of(key);
  request.query = {{resource, ""}};
  DRKIT_ASSIGN(const net::HttpResponse response, client_.call(ctx, request));
  return std::string(as_text(response.body));
}

Result<void> Bucket::put_document(const Context& ctx, std::string_view key, const char* resource,
                                  const std::string& body) {
  Request request;
  request.method = "PUT";
  request.object = object_of(key);
  request.query = {{resource, ""}};
  if (const auto sum = md5(as_bytes(body))) request.headers.emplace_back("content-md5", to_base64(*sum));
  if (options_.bypass_governance) request.headers.emplace_back("x-amz-bypass-governance-retention", "true");
  request.body = as_bytes(body);
  request.has_body = true;
  DRKIT_TRY(client_.call(ctx, request));
  return {};
}

Result<S3Retention> Bucket::retention(const Context& ctx, std::string_view key) {
  DRKIT_TRY(begin_call(ctx, key));
  S3Retention retention;
  auto document = get_document(ctx, key, "retention");
  if (!document && !has_no_lock(document.error())) return with_key(std::move(document).error(), key);
  if (document) {
    auto parsed = parse_retention(*document);
    if (!parsed) return with_key(std::move(parsed).error(), key);
    retention = *parsed;
  }
  auto hold = get_document(ctx, key, "legal-hold");
  if (!hold && !has_no_lock(hold.error())) return with_key(std::move(hold).error(), key);
  if (hold) {
    auto parsed = parse_legal_hold(*hold);
    if (!parsed) return with_key(std::move(parsed).error(), key);
    retention.legal_hold = *parsed;
  }
  return retention;
}

Result<void> Bucket::confirm_lock(const Context& ctx, std::string_view key) {
  if (options_.lock_mode == S3LockMode::none || lock_confirmed_) return {};
  const auto found = retention(ctx, key);
  if (!found && found.error().code() != ErrorCode::permission_denied) return found.error();
  if (!found) {
    ctx.write_log(LogLevel::warning, "these credentials may not look whether objects are locked");
  } else if (found->mode == S3LockMode::none) {
    return Error(ErrorCode::unsupported, "the server took the object, but did not lock it");
  }
  lock_confirmed_ = true;
  return {};
}

Result<void> Bucket::extend_retention(const Context& ctx, std::string_view key, std::int64_t until_ns) {
  DRKIT_ASSIGN(const S3Retention now, retention(ctx, key));
  if (now.mode != S3LockMode::none && now.until_ns >= until_ns) return {};
  S3LockMode mode = options_.lock_mode == S3LockMode::none ? S3LockMode::governance : options_.lock_mode;
  // What the object has is never weakened.
  if (now.mode == S3LockMode::compliance) mode = S3LockMode::compliance;
  const std::string body = std::string("<Retention") + kNamespace + "><Mode>" + lock_mode_name(mode) +
                           "</Mode><RetainUntilDate>" + iso_time(until_ns) + "</RetainUntilDate></Retention>";
  auto done = put_document(ctx, key, "retention", body);
  if (!done) return with_key(std::move(done).error(), key);
  return {};
}

Result<void> Bucket::set_legal_hold(const Context& ctx, std::string_view key, bool on) {
  DRKIT_TRY(begin_call(ctx, key));
  const std::string body =
      std::string("<LegalHold") + kNamespace + "><Status>" + (on ? "ON" : "OFF") + "</Status></LegalHold>";
  auto done = put_document(ctx, key, "legal-hold", body);
  if (!done) return with_key(std::move(done).error(), key);
  return {};
}

Result<std::uint64_t> Bucket::abort_uploads(const Context& ctx, std::int64_t begun_before_ns) {
  DRKIT_TRY(ctx.check_cancelled());
  std::uint64_t aborted = 0;
  Request request;
  request.query = {{"uploads", ""}, {"prefix", object_of("")}, {"encoding-type", "url"}};
  const Pairs first = request.query;
  while (true) {
    DRKIT_ASSIGN(const net::HttpResponse response, client_.call(ctx, request));
    DRKIT_ASSIGN(const ListPage page, parse_uploads(as_text(response.body)));
    for (const ListedObject& upload : page.objects) {
      const bool ours = upload.key.starts_with(object_of("")) && validate_storage_key(key_of(upload.key)).ok();
      // Without a date nobody knows whether its writer still lives.
      if (!ours || upload.modified_ns == 0 || upload.modified_ns >= begun_before_ns) continue;
      DRKIT_TRY(ctx.check_cancelled());
      DRKIT_TRY(abort_upload(ctx, client_, upload.key, upload.version));
      ++aborted;
    }
    if (!page.more) return aborted;
    request.query = first;
    request.query.emplace_back("key-marker", page.next);
    if (!page.next_version.empty()) request.query.emplace_back("upload-id-marker", page.next_version);
  }
}

}  // namespace drkit::storage::s3
