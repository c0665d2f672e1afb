#include "integration/s3_support.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "net/http.hpp"

namespace drkit::test {
namespace {

std::string script(const std::string& name) { return std::string(DRKIT_SOURCE_DIR) + "/tests/servers/" + name; }

std::string own_name(const char* kind) {
  static std::atomic<unsigned> number{0};
  return std::string(kind) + "-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
}

struct OwnRgw {
  TemporaryFolder folder;
  OwnRgw() { shell("'" + script("rgw.sh") + "' start '" + folder.path().string() + "'"); }
  ~OwnRgw() { [[maybe_unused]] const int ended = std::system(stop().c_str()); }
  std::string stop() const { return "'" + script("rgw.sh") + "' stop '" + folder.path().string() + "'"; }
};

std::string rgw_folder() {
  if (const char* shared = std::getenv("DRKIT_TEST_RGW"); shared != nullptr) return shared;
  static const OwnRgw own;
  return own.folder.path().string();
}

}  // namespace

S3Server S3Server::in_folder(const std::string& folder) {
  std::map<std::string, std::string> values;
  std::ifstream file(folder + "/env");
  for (std::string line; std::getline(file, line);) {
    values[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
  }
  if (values.empty()) throw std::runtime_error("no server in " + folder);
  return {folder,
          values["S3_ENDPOINT"],
          values["S3_TLS_ENDPOINT"],
          values["S3_CA_FILE"],
          values["AWS_ACCESS_KEY_ID"],
          values["AWS_SECRET_ACCESS_KEY"]};
}

const S3Server& rgw() {
  static const S3Server server = S3Server::in_folder(rgw_folder());
  return server;
}

void rgw_command(const std::string& command, const std::string& arguments) {
  shell("'" + script("rgw.sh") + "' " + command + " '" + rgw().folder + "' " + arguments + " >/dev/null 2>&1");
}

VersityGw::VersityGw(const std::string& options) : folder_("/dev/shm/" + own_name("drkit-vgw")) {
  shell("'" + script("versitygw.sh") + "' start '" + folder_ + "' " + options);
  server_ = S3Server::in_folder(folder_);
}

VersityGw::~VersityGw() {
  const std::string stop = "'" + script("versitygw.sh") + "' stop '" + folder_ + "'";
  [[maybe_unused]] const int ended = std::system(stop.c_str());
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void VersityGw::signal(const std::string& command) {
  shell("'" + script("versitygw.sh") + "' " + command + " '" + folder_ + "'");
}

S3Options s3_options(const S3Server& server, const std::string& bucket, bool tls) {
  S3Options options;
  options.bucket = bucket;
  options.endpoint = tls ? server.tls_endpoint : server.endpoint;
  options.ca_file = server.ca_file;
  S3Credentials credentials;
  credentials.access_key_id = server.access_key_id;
  credentials.secret_access_key = Secret::from_text(server.secret_access_key);
  options.credentials = fixed_s3_credentials(std::move(credentials));
  return options;
}

std::string s3_request(const S3Server& server, const std::string& bucket, storage::s3::Request request) {
  return std::string(as_text(s3_answer(server, bucket, std::move(request)).body));
}

net::HttpResponse s3_answer(const S3Server& server, const std::string& bucket, storage::s3::Request request) {
  const S3Options options = s3_options(server, bucket);
  net::HttpOptions http;
  http.tls.ca_file = server.ca_file;
  auto client = net::HttpClient::create(std::move(http));
  if (!client) throw std::runtime_error(client.error().to_string());
  const storage::s3::HttpPtr shared(std::move(*client));
  storage::s3::Client signing(options, {shared, shared});
  if (!request.body.empty()) {
    request.headers.emplace_back("content-md5", storage::s3::to_base64(*storage::s3::md5(request.body)));
  }
  auto answer = signing.call({}, request);
  if (!answer) throw std::runtime_error(answer.error().to_string());
  return std::move(*answer);
}

std::string s3_bucket(const S3Server& server, bool object_lock) {
  const std::string name = own_name("drkit");
  storage::s3::Request request;
  request.method = "PUT";
  request.has_body = true;
  if (object_lock) request.headers = {{"x-amz-bucket-object-lock-enabled", "true"}};
  s3_request(server, name, std::move(request));
  return name;
}

std::shared_ptr<S3Storage> s3_fresh(S3Options options) {
  options.prefix = own_name("prefix") + "/inner";
  auto storage = make_s3_storage({}, std::move(options));
  if (!storage) throw std::runtime_error(storage.error().to_string());
  return std::move(*storage);
}

std::string context_of(const Error& error, const std::string& name) {
  for (const auto& [key, value] : error.context()) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace drkit::test
