// What every storage does before it works: keys and prefixes are checked, cancelled contexts refused.
#pragma once

#include <string>
#include <string_view>

#include <drkit/spi/storage.hpp>

namespace drkit::storage {

/// invalid_argument unless some legal key starts with the prefix.
Result<void> validate_prefix(std::string_view prefix);

/// Errors of one call on one key: invalid_argument or cancelled.
Result<void> begin_call(const Context& ctx, std::string_view key);
/// The same for a listing.
Result<void> begin_list(const Context& ctx, std::string_view prefix);

/// An error that names the key.
Error key_error(ErrorCode code, std::string message, std::string_view key, Retry retry = Retry::no);

/// Bytes of the range within an object of that size. Errors: invalid_argument when it starts past the end.
Result<std::uint64_t> clip_range(ByteRange range, std::uint64_t size_bytes, std::string_view key);

}  // namespace drkit::storage
