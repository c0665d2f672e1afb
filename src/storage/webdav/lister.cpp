#include "storage/webdav/lister.hpp"

#include <algorithm>

#include "storage/webdav/find.hpp"
#include "storage/webdav/path.hpp"

namespace drkit::storage::webdav {
namespace {

class Walk {
 public:
  Walk(const Context& ctx, Server& server, const std::string& root, std::string_view prefix, const ListVisitor& visit)
      : ctx_(ctx), server_(server), root_(root), prefix_(prefix), visit_(visit) {}

  Result<void> run() {
    const std::size_t slash = prefix_.rfind('/');
    folders_.emplace_back(slash == std::string_view::npos ? "" : prefix_.substr(0, slash + 1));
    while (!folders_.empty() && !stopped_) {
      DRKIT_TRY(ctx_.check_cancelled());
      const std::string folder = std::move(folders_.back());
      folders_.pop_back();
      DRKIT_TRY(list_folder(folder));
    }
    return {};
  }

 private:
  // `folder` is "" or ends with a slash.
  Result<void> list_folder(const std::string& folder) {
    const std::string path = clean_path(root_ + "/" + names_of_key(folder));
    auto listing = server_.look(ctx_, path, true);
    // Never made, removed meanwhile, or below a file: there is nothing in it. The storage's own folder is another
    // matter.
    if (!listing && !folder.empty()) return absent_or(ctx_, server_, root_, folder, std::move(listing).error());
    if (!listing) return std::move(listing).error();
    DRKIT_TRY(require_self(*listing, path));
    for (const Resource& resource : listing->resources) {
      if (resource.path == path) continue;
      DRKIT_TRY(take(resource, path, folder));
      if (stopped_) return {};
    }
    return {};
  }

  static Result<void> absent_or(const Context& ctx, Server& server, const std::string& root, std::string_view folder,
                                Error error) {
    if (error.code() == ErrorCode::not_found) return {};
    if (!may_hide_absence(error)) return error;
    DRKIT_ASSIGN(const std::optional<Resource> there, find(ctx, server, root, folder.substr(0, folder.size() - 1)));
    if (!there || !there->collection) return {};
    return error;
  }

  // A proxy that changes paths would make every object look foreign, and the storage empty: that must not pass.
  static Result<void> require_self(const Listing& listing, const std::string& path) {
    const auto& all = listing.resources;
    if (std::any_of(all.begin(), all.end(), [&](const Resource& each) { return each.path == path; })) return {};
    return Error(ErrorCode::unsupported, "the server lists other paths than were asked for");
  }

  Result<void> take(const Resource& resource, const std::string& path, const std::string& folder) {
    if (parent_of(resource.path) != path) {
      return Error(ErrorCode::unsupported, "the server lists other paths than were asked for");
    }
    const auto name = key_of_names(std::string_view(resource.path).substr(path.size() + 1));
    const std::string key = folder + name.value_or("");
    // Before anything else: what is not ours may look as it likes.
    if (!name || !validate_storage_key(key)) return {};
    if (resource.status == 404) return {};
    if (resource.status / 100 != 2) {
      net::HttpResponse inner;
      inner.status = resource.status;
      return status_error(ctx_, inner, "listing a folder").with("path", key);
    }
    if (resource.collection) {
      const std::string below = key + "/";
      if (below.starts_with(prefix_) || prefix_.starts_with(below)) folders_.push_back(below);
      return {};
    }
    if (!key.starts_with(prefix_)) return {};
    if (!resource.size_bytes) return Error(ErrorCode::unsupported, "the server does not tell the sizes of files");
    DRKIT_TRY(ctx_.check_cancelled());
    stopped_ = !visit_({key, *resource.size_bytes, resource.modified_ns});
    return {};
  }

  const Context& ctx_;
  Server& server_;
  const std::string& root_;
  const std::string_view prefix_;
  const ListVisitor& visit_;
  std::vector<std::string> folders_;  // still to be listed
  bool stopped_ = false;
};

}  // namespace

Result<void> list_objects(const Context& ctx, Server& server, const std::string& root, std::string_view prefix,
                          const ListVisitor& visit) {
  return Walk(ctx, server, root, prefix, visit).run();
}

}  // namespace drkit::storage::webdav
