#include "net/curl_error.hpp"

#include <algorithm>
#include <array>

namespace drkit::net {
namespace {

Error passing(std::string message) { return Error(ErrorCode::unavailable, std::move(message), Retry::yes); }
Error final_error(ErrorCode code, std::string message) { return Error(code, std::move(message)); }

bool mentions(const std::string& text, std::string_view word) { return text.find(word) != std::string::npos; }

// The numbers are X509_V_ERR_* of OpenSSL, fixed since its first releases.
Error untrusted(const Failure& failure) {
  const auto verdict = [&](long first, long last) { return failure.verify >= first && failure.verify <= last; };
  const char* why = "the server's certificate does not verify";
  if (verdict(9, 9)) why = "the server's certificate is not valid yet";
  if (verdict(10, 10)) why = "the server's certificate has expired";
  if (verdict(18, 21) || verdict(2, 2)) why = "the server's certificate is not signed by a trusted authority";
  if (verdict(23, 23)) why = "the server's certificate is revoked";
  // libcurl refused it before or although the chain was found good: what is left is the name.
  if (verdict(0, 1)) why = "the server's certificate is for another host name";
  return final_error(ErrorCode::unauthenticated, why);
}

// A server that wants a certificate, or another one, says so by an alert: during the handshake, or (TLS 1.3) later.
bool refuses_our_certificate(const std::string& text) {
  constexpr std::array<std::string_view, 5> kWords = {"alert certificate", "alert bad certificate", "alert unknown ca",
                                                      "alert access denied", "certificate required"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) { return mentions(text, word); });
}

// The bytes that came are no record of TLS: OpenSSL's words for it, by its age and by what the bytes happened to be.
bool is_not_tls(const std::string& text) {
  constexpr std::array<std::string_view, 4> kWords = {"wrong version number", "unknown protocol", "http request",
                                                      "packet length too long"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) { return mentions(text, word); });
}

Error broken(const Failure& failure) {
  if (failure.code == CURLE_SSL_CONNECT_ERROR && is_not_tls(failure.text)) {
    return final_error(ErrorCode::invalid_argument,
                       "the server does not speak TLS at this port: http instead of https, or another port");
  }
  if (refuses_our_certificate(failure.text)) {
    return final_error(ErrorCode::unauthenticated, "the server refuses the client's certificate, or wants one");
  }
  if (failure.proxy_code == 407) {
    return final_error(ErrorCode::unauthenticated, "the proxy refuses the credentials, or wants some");
  }
  if (failure.proxy_code >= 300) return passing("the proxy does not reach the server");
  return passing("the connection broke off");
}

}  // namespace

Error failure_error(const Failure& failure) {
  switch (failure.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return passing("the host's name cannot be resolved");
    case CURLE_COULDNT_RESOLVE_PROXY:
      return passing("the proxy's name cannot be resolved");
    case CURLE_COULDNT_CONNECT:
      return passing("no connection to the server");
    case CURLE_OPERATION_TIMEDOUT:
      return Error(ErrorCode::timeout, "no connection in the time allowed", Retry::yes);
    case CURLE_PEER_FAILED_VERIFICATION:
      return untrusted(failure);
    case CURLE_SSL_CERTPROBLEM:
      return final_error(ErrorCode::invalid_argument, "the client's certificate or its key cannot be used");
    case CURLE_SSL_CACERT_BADFILE:
      return final_error(ErrorCode::invalid_argument, "the file of trusted authorities cannot be used");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return passing("the answer is not HTTP");
    case CURLE_PARTIAL_FILE:
      return passing("the answer is shorter than it said");
    case CURLE_GOT_NOTHING:
      return passing("the connection was closed without an answer");
    case CURLE_URL_MALFORMAT:
      return final_error(ErrorCode::invalid_argument, "malformed address");
    case CURLE_OUT_OF_MEMORY:
      return final_error(ErrorCode::out_of_memory, "no memory for an HTTP request");
    default:
      return broken(failure);
  }
}

Error tls_wanted() {
  return final_error(ErrorCode::invalid_argument,
                     "the server wants TLS at this port: https instead of http, or another port");
}

bool says_tls_wanted(const HttpResponse& response) {
  if (response.status != 400) return false;
  constexpr std::array<std::string_view, 3> kWords = {"HTTP request to an HTTPS server",
                                                      "HTTP request was sent to HTTPS", "plain HTTP to an SSL-enabled"};
  const std::string_view text = as_text(response.body);
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) { return text.find(word) != text.npos; });
}

}  // namespace drkit::net
