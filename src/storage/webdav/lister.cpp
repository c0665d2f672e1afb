#include "storage/webdav/lister.hpp"

#include <algorithm>

#include "storage/webdav/path.hpp"
#include "storage/webdav/upload.hpp"

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
    const std::string path = clean_path(root_ + "/" + folder);
    auto listing = server_.look(ctx_, path, true);
    // Never made, or removed meanwhile: either way there is nothing in it. The storage's own folder is another matter.
    if (!listing && listing.error().code() == ErrorCode::not_found && !folder.empty()) return {};
    if (!listing) return std::move(listing).error();
    DRKIT_TRY(require_self(*listing, path));
    for (const Resource& resource : listing->resources) {
      if (resource.path == path) continue;
      DRKIT_TRY(take(resource, path, folder));
      if (stopped_) return {};
    }
    return {};
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
    const std::string key = folder + resource.path.substr(path.size() + 1);
    // Before anything else: what is not ours may look as it likes.
    if (key == kTempFolder || !validate_storage_key(key)) return {};
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
