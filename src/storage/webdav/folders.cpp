#include "storage/webdav/folders.hpp"

#include "storage/webdav/path.hpp"

namespace drkit::storage::webdav {
namespace {

// True: made, or something is there already, which servers say by 405 (or by a redirect to the name with a slash).
Result<bool> try_make(const Context& ctx, Server& server, std::string_view path) {
  DRKIT_ASSIGN(const net::HttpResponse response, server.send(ctx, {"MKCOL", std::string(path), true}));
  if (response.status == 201 || response.status == 405 || response.status == 301) return true;
  if (response.status == 409 || response.status == 404) return false;
  // What mod_dav says to one of two that make the same folder at once.
  if (response.status == 403) {
    const auto there = server.stat(ctx, path);
    if (there && there->collection) return true;
  }
  return status_error(ctx, response, "making a folder");
}

}  // namespace

bool Folders::is_known(std::string_view path) {
  const std::lock_guard lock(mutex_);
  return path.size() <= root_.size() || known_.contains(std::string(path));
}

Result<void> Folders::make(const Context& ctx, std::string_view path) {
  if (is_known(path)) return {};
  DRKIT_TRY(make(ctx, parent_of(path)));
  DRKIT_ASSIGN(bool made, try_make(ctx, server_, path));
  if (!made) {
    // Somebody removed a parent that we knew.
    forget(path);
    if (!is_known(parent_of(path))) DRKIT_TRY(make(ctx, parent_of(path)));
    DRKIT_ASSIGN(made, try_make(ctx, server_, path));
  }
  if (!made) return Error(ErrorCode::precondition_failed, "making a folder: its parent is missing, or no folder");
  const std::lock_guard lock(mutex_);
  known_.emplace(path);
  return {};
}

void Folders::forget(std::string_view path) {
  const std::lock_guard lock(mutex_);
  for (; path.size() > root_.size(); path = parent_of(path)) known_.erase(std::string(path));
}

Result<void> make_with_parents(const Context& ctx, Server& server, std::string_view path) {
  DRKIT_ASSIGN(const bool made, try_make(ctx, server, path));
  if (made) return {};
  if (parent_of(path).empty()) return Error(ErrorCode::not_found, "making a folder: its parent is missing");
  DRKIT_TRY(make_with_parents(ctx, server, parent_of(path)));
  DRKIT_ASSIGN(const bool now, try_make(ctx, server, path));
  if (now) return {};
  return Error(ErrorCode::precondition_failed, "making a folder: its parent is missing, or no folder");
}

}  // namespace drkit::storage::webdav
