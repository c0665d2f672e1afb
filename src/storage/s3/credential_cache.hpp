// Keeps credentials until shortly before they expire; renews them once, whoever asks.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include <drkit/storage_s3.hpp>

namespace drkit::storage::s3 {

using SharedCredentials = std::shared_ptr<const S3Credentials>;

/// Credentials that expire within ten minutes are renewed by one of those who ask while the others go on with the old
/// ones; within the last minute everybody waits for the new ones. When renewing fails, old ones are used until they
/// expire, and a failure is not repeated for everybody who waited for it.
/// Thread-safety: every member may be called concurrently.
class CredentialCache {
 public:
  explicit CredentialCache(S3CredentialsPtr provider) : provider_(std::move(provider)) {}

  Result<SharedCredentials> get(const Context& ctx);
  /// The server says that these have expired, whatever they say themselves.
  void discard(const SharedCredentials& used);

 private:
  Result<SharedCredentials> renew(const Context& ctx, std::unique_lock<std::mutex>& lock);

  const S3CredentialsPtr provider_;
  std::mutex mutex_;
  std::condition_variable changed_;
  SharedCredentials current_;
  bool renewing_ = false;
  std::uint64_t renewals_ = 0;
  std::shared_ptr<const Error> last_failure_;
};

}  // namespace drkit::storage::s3
