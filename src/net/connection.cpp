#include "net/connection.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/curl_error.hpp"
#include "net/http_text.hpp"
#include "net/tls_probe.hpp"

namespace drkit::net {
namespace {

constexpr int kLookMs = 50;  // how often a waiting transfer looks for cancellation and stalls
constexpr long kBufferBytes = 256L << 10;
constexpr std::size_t kSmallAnswer = std::size_t{64} << 10;

template <class Value>
bool set(CURL* easy, CURLoption option, Value value) {
  return ::curl_easy_setopt(easy, option, value) == CURLE_OK;
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

}  // namespace

std::unique_ptr<Connection> Connection::make() {
  std::unique_ptr<Connection> connection(new Connection());
  connection->multi_.reset(::curl_multi_init());
  connection->easy_.reset(::curl_easy_init());
  if (!connection->multi_ || !connection->easy_) return nullptr;
  ::curl_multi_setopt(connection->multi_.get(), CURLMOPT_MAXCONNECTS, 1L);
  return connection;
}

bool Connection::set_up(const HttpOptions& options) {
  CURL* easy = easy_.get();
  ::curl_easy_reset(easy);
  return set(easy, CURLOPT_NOSIGNAL, 1L) &&
         // A cancelled call must not wait for a name server.
         set(easy, CURLOPT_QUICK_EXIT, 1L) && set(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
         set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1)) &&
         set(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
         // So that what comes instead of HTTP is seen: TLS has something to say.
         set(easy, CURLOPT_HTTP09_ALLOWED, 1L) && set(easy, CURLOPT_PATH_AS_IS, 1L) &&
         set(easy, CURLOPT_OPENSOCKETFUNCTION, &Connection::open_socket) && set(easy, CURLOPT_OPENSOCKETDATA, this) &&
         set(easy, CURLOPT_CLOSESOCKETFUNCTION, &Connection::close_socket) &&
         set(easy, CURLOPT_CLOSESOCKETDATA, this) && set(easy, CURLOPT_TCP_NODELAY, 1L) &&
         set(easy, CURLOPT_TCP_KEEPALIVE, 1L) && set(easy, CURLOPT_UPLOAD_BUFFERSIZE, kBufferBytes) &&
         set(easy, CURLOPT_BUFFERSIZE, kBufferBytes) &&
         set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count())) &&
         // An empty proxy and an empty list of exceptions keep libcurl from looking into the environment.
         set(easy, CURLOPT_PROXY, options.proxy.c_str()) && set(easy, CURLOPT_NOPROXY, "") &&
         set(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE)) &&
         set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) && set_up_tls(options.tls);
}

bool Connection::set_up_tls(const TlsOptions& tls) {
  CURL* easy = easy_.get();
  bool done = set(easy, CURLOPT_SSL_VERIFYPEER, 1L) && set(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
              set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!tls.ca_file.empty()) {
    // Instead of the system's: without the folder libcurl would trust both.
    const char* nowhere = nullptr;
    done = done && set(easy, CURLOPT_CAINFO, tls.ca_file.c_str()) && set(easy, CURLOPT_CAPATH, nowhere) &&
           set(easy, CURLOPT_PROXY_CAINFO, tls.ca_file.c_str()) && set(easy, CURLOPT_PROXY_CAPATH, nowhere);
  }
  if (tls.certificate_file.empty()) return done;
  // A password even when there is none: OpenSSL would ask for it on the terminal.
  std::string password(as_text(tls.key_password.view()));
  done = done && set(easy, CURLOPT_SSLCERT, tls.certificate_file.c_str()) &&
         set(easy, CURLOPT_SSLKEY, or_null(tls.key_file)) && set(easy, CURLOPT_KEYPASSWD, password.c_str());
  wipe(password);
  return done;
}

curl_socket_t Connection::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  const curl_socket_t fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd >= 0) static_cast<Connection*>(self)->sockets_.push_back(fd);
  return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

int Connection::close_socket(void* self, curl_socket_t fd) {
  std::erase(static_cast<Connection*>(self)->sockets_, fd);
  return ::close(fd);
}

// What libcurl has handed to the system may be on its way for long on a thin line: the system's queue tells.
std::int64_t Connection::bytes_sent() const {
  curl_off_t sent = 0;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &sent);
  for (const curl_socket_t fd : sockets_) {
    int queued = 0;
    if (::ioctl(fd, SIOCOUTQ, &queued) == 0) sent -= queued;
  }
  return sent;
}

CURLcode Connection::result() const {
  int left = 0;
  while (const CURLMsg* message = ::curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return CURLE_ABORTED_BY_CALLBACK;
}

// A server that sends the head of an answer and a small body apart, and has not switched Nagle's algorithm off (Ceph's
// gateway), holds the body back until the head is acknowledged: 40 ms with the system's delayed acknowledgements. The
// system forgets the wish again, so it is told before each wait.
void Connection::acknowledge_at_once() const {
  constexpr int kOn = 1;
  for (const curl_socket_t fd : sockets_) {
    static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &kOn, sizeof kOn));
  }
}

CURLcode Connection::drive(const Context& ctx, Transfer& transfer, std::chrono::milliseconds stall_timeout) {
  for (int running = 1;;) {
    const CURLMcode performed = ::curl_multi_perform(multi_.get(), &running);
    if (performed == CURLM_OUT_OF_MEMORY) return CURLE_OUT_OF_MEMORY;
    if (performed != CURLM_OK) return CURLE_RECV_ERROR;
    if (running == 0) return result();
    if (!transfer.still_moving(ctx, bytes_sent(), stall_timeout)) return CURLE_ABORTED_BY_CALLBACK;
    // Where more is on its way there is nothing to wait for.
    if (transfer.received_bytes() < kSmallAnswer) acknowledge_at_once();
    if (::curl_multi_poll(multi_.get(), nullptr, 0, kLookMs, nullptr) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
  }
}

Error Connection::error_of(const Transfer& transfer, CURLcode code) const {
  switch (transfer.stop()) {
    case Stop::cancelled:
      return Error(ErrorCode::cancelled, "cancelled by the caller");
    case Stop::stalled:
      return Error(ErrorCode::timeout, "the server does not go on", Retry::yes);
    case Stop::too_long:
      return Error(ErrorCode::corrupt, "the answer is longer than what was asked for can be");
    case Stop::sent_twice:
      return Error(ErrorCode::unavailable, "the connection was closed before an answer came", Retry::yes);
    case Stop::no_memory:
      return Error(ErrorCode::out_of_memory, "no memory for the answer");
    case Stop::not_http:
      return Error(ErrorCode::unavailable, "the answer is not HTTP", Retry::yes);
    case Stop::wants_tls:
      return tls_wanted();
    case Stop::none:
      break;
  }
  Failure failure{code, transfer.error_text()};
  ::curl_easy_getinfo(easy_.get(), CURLINFO_SSL_VERIFYRESULT, &failure.verify);
  ::curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &failure.proxy_code);
  return failure_error(failure);
}

Result<HttpResponse> Connection::send(const Context& ctx, const HttpOptions& options, const HttpRequest& request) {
  // One that failed before it was connected refuses options until the end of its days (libcurl 7.88).
  if (easy_ == nullptr) easy_.reset(::curl_easy_init());
  if (easy_ == nullptr) return Error(ErrorCode::out_of_memory, "no memory for an HTTP request");
  Transfer transfer(request);
  if (!set_up(options) || !transfer.apply(easy_.get())) {
    return Error(ErrorCode::invalid_argument, "libcurl refuses an option of the request");
  }
  if (::curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) {
    return Error(ErrorCode::out_of_memory, "no memory for an HTTP request");
  }
  const bool own_stall = request.stall_timeout.count() > 0;
  CURLcode code = drive(ctx, transfer, own_stall ? request.stall_timeout : options.stall_timeout);
  if (code == CURLE_OK && !transfer.head_complete()) code = CURLE_PARTIAL_FILE;
  long status = 0;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  Result<HttpResponse> answer = code == CURLE_OK
                                    ? Result<HttpResponse>(transfer.take_response())
                                    : Result<HttpResponse>(error_of(transfer, code).with("host", host_of(request.url)));
  // Ends the connection of a transfer that is not complete; the options still point into it.
  ::curl_multi_remove_handle(multi_.get(), easy_.get());
  ::curl_easy_reset(easy_.get());
  if (!answer) {
    easy_.reset();
    // Some servers hang up on plain HTTP at their port of TLS.
    const bool hung_up = code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR;
    if (!hung_up || ever_answered_ || !speaks_tls(ctx, options, request.url)) return answer;
    return tls_wanted().with("host", host_of(request.url));
  }
  ever_answered_ = true;
  answer->status = static_cast<int>(status);
  if (says_tls_wanted(*answer)) return tls_wanted().with("host", host_of(request.url));
  return answer;
}

}  // namespace drkit::net
