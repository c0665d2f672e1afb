// What a failed transfer means to the caller.
#pragma once

#include <string>

#include <curl/curl.h>
#include <drkit/result.hpp>

#include "net/http.hpp"

namespace drkit::net {

/// What libcurl knows after a transfer has failed.
struct Failure {
  CURLcode code = CURLE_OK;
  std::string text;     ///< libcurl's own words; they go nowhere, since they may hold addresses
  long verify = 0;      ///< OpenSSL's verdict on the certificate
  long proxy_code = 0;  ///< the proxy's answer to CONNECT
};

Error failure_error(const Failure& failure);

/// What plain HTTP at a port of TLS comes to.
Error tls_wanted();
/// Servers that answer it in words do so with status 400.
bool says_tls_wanted(const HttpResponse& response);

}  // namespace drkit::net
