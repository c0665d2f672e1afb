#include "storage/s3/credential_cache.hpp"

#include <chrono>

namespace drkit::storage::s3 {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kEarly = 600 * kSecond;
constexpr std::int64_t kLate = 60 * kSecond;

// Whether they still hold for so long.
bool lasts(const SharedCredentials& credentials, std::int64_t now_ns, std::int64_t margin_ns) {
  return credentials != nullptr && (credentials->expires_ns == 0 || credentials->expires_ns - now_ns > margin_ns);
}

class FixedCredentials final : public S3CredentialsProvider {
 public:
  explicit FixedCredentials(S3Credentials credentials) : credentials_(std::move(credentials)) {}
  Result<S3Credentials> fetch(const Context&) override {
    return S3Credentials{credentials_.access_key_id, credentials_.secret_access_key.clone(),
                         credentials_.session_token.clone(), credentials_.expires_ns};
  }

 private:
  const S3Credentials credentials_;
};

}  // namespace

Result<SharedCredentials> CredentialCache::get(const Context& ctx) {
  std::unique_lock lock(mutex_);
  while (true) {
    const std::int64_t now = ctx.clock->wall_ns();
    if (lasts(current_, now, kEarly) || (renewing_ && lasts(current_, now, kLate))) return current_;
    if (!renewing_) return renew(ctx, lock);
    const std::uint64_t seen = renewals_;
    while (renewing_ && renewals_ == seen) {
      DRKIT_TRY(ctx.check_cancelled());
      changed_.wait_for(lock, std::chrono::milliseconds(50));
    }
    if (last_failure_ && !lasts(current_, now, 0)) return Error(*last_failure_);
  }
}

void CredentialCache::discard(const SharedCredentials& used) {
  const std::lock_guard lock(mutex_);
  if (current_ == used) current_.reset();
}

Result<SharedCredentials> CredentialCache::renew(const Context& ctx, std::unique_lock<std::mutex>& lock) {
  renewing_ = true;
  lock.unlock();
  auto fetched = provider_->fetch(ctx);
  lock.lock();
  renewing_ = false;
  ++renewals_;
  changed_.notify_all();
  if (fetched) {
    current_ = std::make_shared<const S3Credentials>(std::move(*fetched));
    last_failure_.reset();
    if (lasts(current_, ctx.clock->wall_ns(), 0)) return current_;
    last_failure_ = std::make_shared<const Error>(ErrorCode::unauthenticated, "the credentials have expired");
    return Error(*last_failure_);
  }
  if (lasts(current_, ctx.clock->wall_ns(), 0)) {
    ctx.write_log(LogLevel::warning, "credentials could not be renewed: " + fetched.error().to_string());
    return current_;
  }
  // What one caller cancelled is no failure for the others.
  if (fetched.error().code() != ErrorCode::cancelled) last_failure_ = std::make_shared<const Error>(fetched.error());
  return std::move(fetched).error();
}

}  // namespace drkit::storage::s3

namespace drkit {

S3CredentialsPtr fixed_s3_credentials(S3Credentials credentials) {
  return std::make_shared<storage::s3::FixedCredentials>(std::move(credentials));
}

}  // namespace drkit
