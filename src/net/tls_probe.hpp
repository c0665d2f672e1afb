// tls_probe: does a server that hung up on plain HTTP want TLS?
#pragma once

#include <drkit/context.hpp>

#include "net/http.hpp"

namespace drkit::net {

/// Begins TLS with the server of an http:// address and asks it for nothing. False: it does not speak TLS, or nobody
/// knows (a proxy stands before it, no answer within three seconds, cancelled).
bool speaks_tls(const Context& ctx, const HttpOptions& options, const std::string& url);

}  // namespace drkit::net
