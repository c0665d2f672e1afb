// S3: objects in a bucket of Amazon S3, Ceph, MinIO, or whatever speaks the same protocol.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <drkit/secret.hpp>
#include <drkit/spi/storage.hpp>

namespace drkit {

/// What requests are signed with.
struct S3Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;         ///< of temporary credentials; empty: none
  std::int64_t expires_ns = 0;  ///< nanoseconds since the Unix epoch; 0: never
};

/// Gives credentials, again and again when they expire.
/// Thread-safety: fetch is never called by two threads at once.
class DRKIT_API S3CredentialsProvider {
 public:
  virtual ~S3CredentialsProvider() = default;
  /// Errors: unauthenticated (there are none, or the place that gives them refuses), unavailable, timeout.
  virtual Result<S3Credentials> fetch(const Context& ctx) = 0;
};
using S3CredentialsPtr = std::shared_ptr<S3CredentialsProvider>;

/// Credentials that never change.
DRKIT_API S3CredentialsPtr fixed_s3_credentials(S3Credentials credentials);

/// The places where programs that talk to AWS look for credentials. Nothing is read before the call that needs it.
struct AwsPlaces {
  /// Value of an environment variable; unset: nullopt. The default reads no environment.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::string profile;  ///< section of the shared files; "": AWS_PROFILE, then "default"
  std::string proxy;    ///< for the token service, which is elsewhere; metadata services are asked directly
  std::string ca_file;  ///< for the token service
};

/// The places as this process's environment names them: the one function here that reads it, when it is called upon.
DRKIT_API AwsPlaces aws_places_from_environment();

/// What the places say beside credentials; "" where they are silent.
struct AwsSettings {
  std::string region;
  std::string endpoint;
  std::string ca_file;
};
/// Errors: invalid_argument (malformed file, named profile missing), permission_denied, io.
DRKIT_API Result<AwsSettings> aws_settings(const AwsPlaces& places);

/// Credentials from the first of the places that has some: environment variables, web identity token, shared profile
/// files (keys, credential_process, role_arn, web_identity_token_file), container service, instance metadata (version
/// 2 alone).
/// Errors of fetch: unauthenticated when no place has any, naming what was tried. A place that is set up but fails is
/// an error; the later ones are not asked then, because they may belong to somebody else.
DRKIT_API S3CredentialsPtr aws_credentials(AwsPlaces places);

enum class S3LockMode : std::uint8_t { none, governance, compliance };
enum class S3Choice : std::uint8_t { detect, yes, no };
enum class S3Encryption : std::uint8_t { bucket_default, s3, kms, customer_key };

struct S3Options {
  std::string bucket;
  std::string prefix;    ///< "": the whole bucket; no slash at either end
  std::string endpoint;  ///< "https://host[:port]"; "": Amazon's of the region
  std::string region = "us-east-1";
  /// The bucket in the path instead of the host's name. detect: where an endpoint is given, and where a host name can
  /// not hold the bucket's name.
  S3Choice path_style = S3Choice::detect;
  S3CredentialsPtr credentials;  ///< required: no request goes out unsigned

  std::string ca_file;                  ///< PEM file of authorities to trust instead of the system's
  std::string client_certificate_file;  ///< PEM file
  std::string client_key_file;          ///< PEM file
  std::string proxy;

  std::size_t part_size_bytes = std::size_t{32} << 20;  ///< larger objects are put in parts; at least 5 MiB
  unsigned parallel_parts = 4;                          ///< of one object
  unsigned max_connections = 16;
  unsigned open_attempts = 1;  ///< of the question that opening asks, while failures are retryable
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds stall_timeout{30'000};  ///< no byte in either direction for so long: timeout
  bool content_md5 = true;                          ///< beside the SHA-256 that always goes along; Object Lock needs it

  /// Whether `If-None-Match: *` is honoured. detect: found out when the storage is opened, see make_s3_storage.
  S3Choice conditional_create = S3Choice::detect;

  std::string storage_class;  ///< "": the bucket's
  S3Encryption encryption = S3Encryption::bucket_default;
  std::string kms_key_id;                   ///< with S3Encryption::kms; "": the account's
  Secret customer_key;                      ///< 32 bytes, with S3Encryption::customer_key
  std::map<std::string, std::string> tags;  ///< of every object
  bool requester_pays = false;

  S3LockMode lock_mode = S3LockMode::none;  ///< of every object put; needs a bucket with Object Lock
  unsigned retain_days = 0;                 ///< required with a lock mode
  bool legal_hold = false;
  /// Versioned buckets: remove deletes every version of the key instead of hiding it behind a delete marker.
  bool remove_versions = false;
  bool bypass_governance = false;  ///< removing versions and shortening retention despite governance
};

/// How long an object is protected.
struct S3Retention {
  S3LockMode mode = S3LockMode::none;
  std::int64_t until_ns = 0;  ///< nanoseconds since the Unix epoch
  bool legal_hold = false;
};

/// A Storage with what only S3 has. Listings show the latest versions alone, and no delete markers.
class DRKIT_API S3Storage : public Storage {
 public:
  /// Errors: not_found, permission_denied, unsupported (the bucket has no Object Lock).
  virtual Result<S3Retention> retention(const Context& ctx, std::string_view key) = 0;
  /// Protects the latest version until then, in the mode of the options (governance when they have none). A longer
  /// protection is left as it is and is success. Errors: as retention.
  virtual Result<void> extend_retention(const Context& ctx, std::string_view key, std::int64_t until_ns) = 0;
  virtual Result<void> set_legal_hold(const Context& ctx, std::string_view key, bool on) = 0;
  /// Aborts uploads in parts below the prefix that began before the moment: killed writers leave them, invisible but
  /// paid for. Answers how many. Units: nanoseconds since the Unix epoch, server's time.
  virtual Result<std::uint64_t> abort_uploads(const Context& ctx, std::int64_t begun_before_ns) = 0;
};

/// Opens a bucket (`s3://bucket/prefix`). Unless the options decide it, asks the server whether it honours conditional
/// creation: it is offered one small object, `conditional-create~` below the prefix, twice; that object stays and is
/// never listed. When the answer does not come or writing is forbidden, the question stays open until the first put
/// with if_absent, and info() says no until then.
///
/// Where it is not honoured, if_absent looks first and then writes: safe between the threads of this storage, not
/// between processes, and info().conditional_create is false.
/// Errors: invalid_argument, not_found (bucket), unauthenticated (keys, certificate, clock), unavailable.
DRKIT_API Result<std::shared_ptr<S3Storage>> make_s3_storage(const Context& ctx, S3Options options);

/// The options that an address spells: `s3://bucket/prefix?endpoint=...&region=...`, with the credentials, region,
/// endpoint and authorities of the places where the address has none. docs/guides/s3.md lists the query keys.
/// Errors: invalid_argument, not_found (a named file).
DRKIT_API Result<S3Options> s3_options_from_address(std::string_view address, const AwsPlaces& places);

}  // namespace drkit
