// What may stand in a request: nothing that would end a line early or bring in a second request.
#pragma once

#include <string>
#include <string_view>

#include "net/http.hpp"

namespace drkit::net {

/// "host" or "host:port" of an address, as errors show it; "" when there is none.
std::string host_of(std::string_view url);

/// Errors: invalid_argument for methods, addresses and headers that must not be sent; without their text.
Result<void> validate_request(const HttpRequest& request);

}  // namespace drkit::net
