#include "storage/webdav/find.hpp"

#include "storage/webdav/path.hpp"

namespace drkit::storage::webdav {

bool may_hide_absence(const Error& error) {
  switch (error.code()) {
    case ErrorCode::not_found:
    case ErrorCode::permission_denied:
    case ErrorCode::precondition_failed:
    case ErrorCode::unsupported:
    case ErrorCode::io:
      return true;
    default:
      return false;
  }
}

Result<std::optional<Resource>> find(const Context& ctx, Server& server, const std::string& root,
                                     std::string_view key) {
  const std::string path = root + "/" + names_of_key(key);
  auto there = server.stat(ctx, path);
  if (there) return std::optional<Resource>(std::move(*there));
  if (there.error().code() == ErrorCode::not_found) return std::optional<Resource>();
  if (!may_hide_absence(there.error())) return std::move(there).error();
  // From above: below a file there is nothing, below a folder the refusal was meant.
  for (std::size_t slash = key.find('/'); slash != std::string_view::npos; slash = key.find('/', slash + 1)) {
    const auto above = server.stat(ctx, root + "/" + names_of_key(key.substr(0, slash)));
    if (above ? !above->collection : above.error().code() == ErrorCode::not_found) return std::optional<Resource>();
  }
  return std::move(there).error();
}

}  // namespace drkit::storage::webdav
