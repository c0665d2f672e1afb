// Connection: one libcurl handle with the connection that it keeps; used by one request at a time.
#pragma once

#include <memory>

#include <curl/curl.h>
#include <drkit/context.hpp>

#include "net/http.hpp"
#include "net/transfer.hpp"

namespace drkit::net {

class Connection {
 public:
  /// null: out of memory.
  static std::unique_ptr<Connection> make();
  Result<HttpResponse> send(const Context& ctx, const HttpOptions& options, const HttpRequest& request);

 private:
  struct EasyCleanup {
    void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
  };
  struct MultiCleanup {
    void operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
  };
  Connection() = default;
  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int close_socket(void* self, curl_socket_t fd);
  bool set_up(const HttpOptions& options);
  bool set_up_tls(const TlsOptions& tls);
  CURLcode drive(const Context& ctx, Transfer& transfer, std::chrono::milliseconds stall_timeout);
  CURLcode result() const;
  std::int64_t bytes_sent() const;
  void acknowledge_at_once() const;
  Error error_of(const Transfer& transfer, CURLcode code) const;

  std::vector<curl_socket_t> sockets_;  // open ones; still asked for while the handles go
  bool ever_answered_ = false;
  // The multi handle keeps the connection.
  std::unique_ptr<CURLM, MultiCleanup> multi_;
  std::unique_ptr<CURL, EasyCleanup> easy_;
};

}  // namespace drkit::net
