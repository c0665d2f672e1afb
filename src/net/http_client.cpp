#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <unistd.h>

#include "net/connection.hpp"
#include "net/http_text.hpp"

namespace drkit::net {
namespace {

// Once in the process, and never undone: other code in it may use libcurl too.
bool start_libcurl() {
  static const bool started = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return started;
}

Result<void> require_readable(const std::string& path, const char* what) {
  if (path.empty() || ::access(path.c_str(), R_OK) == 0) return {};
  return Error(ErrorCode::invalid_argument, std::string(what) + " cannot be read").with("path", path);
}

class PooledClient final : public HttpClient {
 public:
  explicit PooledClient(HttpOptions options) : options_(std::move(options)), unmade_(options_.max_connections) {}

  Result<HttpResponse> send(const Context& ctx, const HttpRequest& request) override {
    DRKIT_TRY(validate_request(request));
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_ASSIGN(Lease lease, take(ctx));
    auto answer = lease.connection->send(ctx, options_, request);
    give_back(std::move(lease.connection));
    return answer;
  }

 private:
  // A connection on loan. One that an exception (no memory) leaves in the middle of a request is dropped, and another
  // may be made in its place.
  struct Lease {
    Lease(PooledClient& owner, std::unique_ptr<Connection> lent) : pool(&owner), connection(std::move(lent)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection != nullptr) pool->drop(std::move(connection));
    }
    PooledClient* pool;
    std::unique_ptr<Connection> connection;
  };

  // The one used last comes first: its connection is the least likely to have been closed meanwhile.
  Result<Lease> take(const Context& ctx) {
    std::unique_lock lock(mutex_);
    while (idle_.empty() && unmade_ == 0) {
      free_.wait_for(lock, std::chrono::milliseconds(50));
      DRKIT_TRY(ctx.check_cancelled());
    }
    std::unique_ptr<Connection> connection;
    if (idle_.empty()) {
      connection = Connection::make();
      if (connection == nullptr) return Error(ErrorCode::out_of_memory, "no memory for a connection");
      --unmade_;
    } else {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
    return Lease(*this, std::move(connection));
  }

  void drop(std::unique_ptr<Connection> connection) {
    connection.reset();
    const std::lock_guard lock(mutex_);
    ++unmade_;
    free_.notify_one();
  }

  void give_back(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
    free_.notify_one();
  }

  const HttpOptions options_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Connection>> idle_;
  unsigned unmade_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> HttpClient::create(HttpOptions options) {
  if (!start_libcurl()) return Error(ErrorCode::internal, "libcurl does not start");
  DRKIT_TRY(require_readable(options.tls.ca_file, "the file of trusted authorities"));
  DRKIT_TRY(require_readable(options.tls.certificate_file, "the client's certificate"));
  DRKIT_TRY(require_readable(options.tls.key_file, "the key of the client's certificate"));
  options.max_connections = std::max(1U, options.max_connections);
  return std::unique_ptr<HttpClient>(std::make_unique<PooledClient>(std::move(options)));
}

}  // namespace drkit::net
