// What the S3 tests share: the servers, buckets on them, and storages in those.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <drkit/storage_s3.hpp>

#include "integration/postgres_support.hpp"
#include "storage/s3/client.hpp"

namespace drkit::test {

/// Where a server is and who may use it, as its script left it in DIR/env.
struct S3Server {
  std::string folder;
  std::string endpoint;
  std::string tls_endpoint;
  std::string ca_file;
  std::string access_key_id;
  std::string secret_access_key;

  static S3Server in_folder(const std::string& folder);
};

/// Ceph's gateway. ctest starts it once for all the tests (fixture `rgw`); a test that is run by hand starts its own,
/// which ends with the process.
const S3Server& rgw();
/// Runs tests/servers/rgw.sh with the command and arguments.
void rgw_command(const std::string& command, const std::string& arguments = "");

/// A versitygw of one test.
class VersityGw {
 public:
  explicit VersityGw(const std::string& options = "");
  ~VersityGw();
  VersityGw(const VersityGw&) = delete;
  VersityGw& operator=(const VersityGw&) = delete;
  const S3Server& server() const { return server_; }
  void signal(const std::string& command);

 private:
  const std::string folder_;  ///< in memory
  S3Server server_;
};

/// Options with the server's endpoint and keys. Over TLS: the TLS endpoint and its authority.
S3Options s3_options(const S3Server& server, const std::string& bucket, bool tls = false);
/// A request that no storage makes, such as making a bucket. Throws unless it succeeds.
std::string s3_request(const S3Server& server, const std::string& bucket, storage::s3::Request request);
/// The same with the answer's headers.
net::HttpResponse s3_answer(const S3Server& server, const std::string& bucket, storage::s3::Request request);
/// Makes a bucket with a name of its own. Throws std::runtime_error.
std::string s3_bucket(const S3Server& server, bool object_lock = false);
/// Opens a storage below a prefix that nobody else has. Throws std::runtime_error.
std::shared_ptr<S3Storage> s3_fresh(S3Options options);

/// The value of the error's context; "" when it has none of this name.
std::string context_of(const Error& error, const std::string& name);

}  // namespace drkit::test
