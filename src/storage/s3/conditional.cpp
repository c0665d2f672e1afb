#include "storage/s3/conditional.hpp"

#include <chrono>

#include "storage/s3/errors.hpp"
#include "storage/s3/headers.hpp"

namespace drkit::storage::s3 {
namespace {

// What lies there is always the same, so writers that ask at the same moment do not disturb each other.
constexpr std::string_view kOffer = "libdrkit asks here whether If-None-Match is honoured\n";

ConditionalCreate::Answer decided(S3Choice choice) {
  if (choice == S3Choice::detect) return ConditionalCreate::Answer::unknown;
  return choice == S3Choice::yes ? ConditionalCreate::Answer::yes : ConditionalCreate::Answer::no;
}

}  // namespace

Result<KeyLocks::Held> KeyLocks::take(const Context& ctx, const std::string& key) {
  std::unique_lock lock(mutex_);
  while (taken_.contains(key)) {
    DRKIT_TRY(ctx.check_cancelled());
    changed_.wait_for(lock, std::chrono::milliseconds(50));
  }
  taken_.insert(key);
  return Held(*this, key);
}

void KeyLocks::release(const std::string& key) {
  const std::lock_guard lock(mutex_);
  taken_.erase(key);
  changed_.notify_all();
}

ConditionalCreate::ConditionalCreate(const S3Options& options, Client& client, std::string object)
    : options_(options), client_(client), object_(std::move(object)), answer_(decided(options.conditional_create)) {}

Result<ConditionalCreate::Answer> ConditionalCreate::find_out(const Context& ctx) {
  if (known() != Answer::unknown) return known();
  DRKIT_ASSIGN(const KeyLocks::Held alone, asking_.take(ctx, object_));
  if (known() != Answer::unknown) return known();
  // The first offer may make the object; only the second one tells.
  DRKIT_ASSIGN(Answer answer, offer(ctx));
  if (answer == Answer::unknown) {
    DRKIT_ASSIGN(answer, offer(ctx));
    if (answer == Answer::unknown) answer = Answer::no;
  }
  answer_.store(answer);
  return answer;
}

Result<ConditionalCreate::Answer> ConditionalCreate::offer(const Context& ctx) {
  Request request;
  request.method = "PUT";
  request.object = object_;
  request.headers = put_headers(options_, PutKind::bare, ctx.clock->wall_ns());
  request.headers.emplace_back("if-none-match", "*");
  if (const auto sum = md5(as_bytes(kOffer))) request.headers.emplace_back("content-md5", to_base64(*sum));
  request.body = as_bytes(kOffer);
  request.has_body = true;
  DRKIT_ASSIGN(const net::HttpResponse response, client_.send(ctx, request));
  if (response.status == 200) {
    DRKIT_TRY(confirm_encryption(options_, response));
    return Answer::unknown;
  }
  if (response.status == 412) return Answer::yes;
  if (response.status == 501) return Answer::no;
  return answer_error(response, ctx.clock->wall_ns());
}

}  // namespace drkit::storage::s3
