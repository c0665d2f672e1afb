// webdav: objects are files of a WebDAV server. A put is uploaded aside, looked at, and moved into place.
#include <mutex>
#include <optional>

#include <drkit/storage.hpp>

#include "base/url.hpp"
#include "storage/key.hpp"
#include "storage/webdav/download.hpp"
#include "storage/webdav/find.hpp"
#include "storage/webdav/folders.hpp"
#include "storage/webdav/lister.hpp"
#include "storage/webdav/path.hpp"
#include "storage/webdav/upload.hpp"

namespace drkit {
namespace {

using storage::begin_call;
using storage::begin_list;
using storage::key_error;
using storage::webdav::Folders;
using storage::webdav::Parts;
using storage::webdav::Resource;
using storage::webdav::Server;
using storage::webdav::status_error;
using storage::webdav::Upload;

constexpr std::uint64_t kMinPartBytes = 5 << 20;

bool names_key(const Error& error) {
  for (const auto& [name, value] : error.context()) {
    if (name == "key") return true;
  }
  return false;
}

template <class T>
Result<T> for_key(Result<T> result, std::string_view key) {
  if (result || names_key(result.error())) return result;
  return std::move(result).error().with("key", std::string(key));
}

struct Place {
  std::string scheme;
  std::string origin;
  std::string root;
  Parts parts;
};

class WebdavStorage final : public Storage {
 public:
  WebdavStorage(std::unique_ptr<Server> server, Place place)
      : server_(std::move(server)), place_(std::move(place)), folders_(*server_, place_.root) {}

  StorageInfo info() const override {
    StorageInfo info;
    info.scheme = place_.scheme;
    info.name = place_.scheme + place_.origin.substr(place_.origin.find(':')) + place_.root;
    // Servers look for the name and then rename: two at once may both find it free.
    info.conditional_create = false;
    return info;
  }

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    return for_key(stat_object(ctx, key), key);
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    DRKIT_TRY(begin_call(ctx, key));
    return for_key(get_object(ctx, key, range), key);
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(begin_call(ctx, key));
    return for_key(put_object(ctx, key, bytes, options), key);
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    return for_key(remove_object(ctx, key), key);
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    DRKIT_TRY(begin_list(ctx, prefix));
    return for_key(storage::webdav::list_objects(ctx, *server_, place_.root, prefix, visit), prefix);
  }

 private:
  std::string path_of(std::string_view key) const { return place_.root + "/" + storage::webdav::names_of_key(key); }
  std::string temp_folder() const { return place_.root + "/" + std::string(storage::webdav::kTempFolder); }
  Result<std::optional<Resource>> find(const Context& ctx, std::string_view key) {
    return storage::webdav::find(ctx, *server_, place_.root, key);
  }

  Result<ObjectInfo> stat_object(const Context& ctx, std::string_view key) {
    DRKIT_ASSIGN(const std::optional<Resource> there, find(ctx, key));
    if (!there || there->collection) return key_error(ErrorCode::not_found, "no such object", key);
    if (!there->size_bytes) return Error(ErrorCode::unsupported, "the server does not tell the sizes of files");
    return ObjectInfo{std::string(key), *there->size_bytes, there->modified_ns};
  }

  // Some servers replace a file by removing it first. Whoever reads in that moment finds nothing, or is refused: one
  // look more tells a gap from an object that is not there.
  Result<Bytes> get_object(const Context& ctx, std::string_view key, ByteRange range) {
    constexpr int kLooks = 5;
    for (int look = 1;; ++look) {
      auto got = storage::webdav::download(ctx, *server_, path_of(key), key, range);
      if (got || !storage::webdav::may_hide_absence(got.error()) || look == kLooks) return got;
      DRKIT_TRY(stat_object(ctx, key));
      DRKIT_TRY(ctx.clock->sleep_for(std::chrono::milliseconds(look), ctx.cancel));
    }
  }

  Result<void> put_object(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) {
    // MOVE over a folder would remove everything in it.
    if (!options.if_absent) DRKIT_TRY(require_no_folder(ctx, key));
    DRKIT_TRY(prepare_uploads(ctx));
    DRKIT_TRY(make_folders(ctx, key));
    DRKIT_ASSIGN(const std::string name, storage::webdav::random_name());
    Upload upload(*server_, temp_folder() + "/" + name);
    auto done = upload.send(ctx, bytes, place_.parts);
    const bool folder_gone =
        !done && (done.error().code() == ErrorCode::precondition_failed || done.error().code() == ErrorCode::not_found);
    if (folder_gone) {
      folders_.forget(temp_folder());
      DRKIT_TRY(folders_.make(ctx, temp_folder()));
      done = upload.send(ctx, bytes, place_.parts);
    }
    if (done) done = settle(ctx, upload, key, options);
    if (!done && worth_asking(done.error())) upload.discard(ctx);
    return done;
  }

  Result<void> make_folders(const Context& ctx, std::string_view key) {
    const std::string path = path_of(key);
    auto made = folders_.make(ctx, storage::webdav::parent_of(path));
    if (!made && storage::webdav::may_hide_absence(made.error())) DRKIT_TRY(require_folders_above(ctx, key));
    return made;
  }

  // A server that does not answer, and a caller who wants to leave, are not kept for tidiness: the upload is removed
  // when it is stale.
  static bool worth_asking(const Error& error) {
    return error.code() != ErrorCode::cancelled && error.code() != ErrorCode::timeout &&
           error.code() != ErrorCode::unavailable;
  }

  Result<void> settle(const Context& ctx, Upload& upload, std::string_view key, PutOptions options) {
    const std::string path = path_of(key);
    DRKIT_ASSIGN(net::HttpResponse response, upload.move_to(ctx, path, !options.if_absent));
    const int status = response.status;
    if (status == 403 || status == 404 || status == 409 || status == 500) {
      // The folder may have been removed since we made it.
      folders_.forget(storage::webdav::parent_of(path));
      DRKIT_TRY(make_folders(ctx, key));
      DRKIT_ASSIGN(response, upload.move_to(ctx, path, !options.if_absent));
    }
    if (response.status == 201 || response.status == 204 || response.status == 200) return {};
    if (response.status == 412 && options.if_absent) return exists(ctx, key);
    DRKIT_TRY(require_folders_above(ctx, key));
    return status_error(ctx, response, "moving an upload into place");
  }

  Result<void> exists(const Context& ctx, std::string_view key) {
    DRKIT_TRY(require_no_folder(ctx, key));
    return Error(ErrorCode::already_exists, "object exists");
  }

  Result<void> require_no_folder(const Context& ctx, std::string_view key) {
    DRKIT_ASSIGN(const std::optional<Resource> there, find(ctx, key));
    if (!there || !there->collection) return {};
    return Error(ErrorCode::precondition_failed, "the name of other keys' directory, or no file");
  }

  // Tells a key below another key's file from a server that has reasons of its own.
  Result<void> require_folders_above(const Context& ctx, std::string_view key) {
    for (std::size_t slash = key.find('/'); slash != std::string_view::npos; slash = key.find('/', slash + 1)) {
      const auto there = server_->stat(ctx, path_of(key.substr(0, slash)));
      if (there && !there->collection) {
        return Error(ErrorCode::precondition_failed, "a part of the key is another object's name");
      }
    }
    return {};
  }

  // DELETE would take a folder with everything in it.
  Result<void> remove_object(const Context& ctx, std::string_view key) {
    DRKIT_ASSIGN(const std::optional<Resource> there, find(ctx, key));
    if (!there || there->collection) return {};
    DRKIT_ASSIGN(const net::HttpResponse response, server_->send(ctx, {"DELETE", path_of(key)}));
    if (response.status == 200 || response.status == 204 || response.status == 404 || response.status == 410) return {};
    return status_error(ctx, response, "removing an object");
  }

  // At the first put, so that a storage can be read where it cannot be written.
  Result<void> prepare_uploads(const Context& ctx) {
    const std::lock_guard lock(prepare_mutex_);
    if (prepared_) return {};
    DRKIT_TRY(folders_.make(ctx, temp_folder()));
    storage::webdav::remove_stale_uploads(ctx, *server_, temp_folder());
    prepared_ = true;
    return {};
  }

  std::unique_ptr<Server> server_;
  const Place place_;
  Folders folders_;
  std::mutex prepare_mutex_;
  bool prepared_ = false;
};

std::string origin_of(const base::Address& address) {
  const bool literal = address.host.find(':') != std::string::npos;
  return address.scheme + "://" + (literal ? "[" + address.host + "]" : address.host) +
         (address.port == 0 ? "" : ":" + std::to_string(address.port));
}

// What users copy from Nextcloud's settings has /remote.php/dav/files/ID; what they type does not. Who logs in by mail
// has an id that only the former tells.
void place_in_nextcloud(Place& place, const WebdavOptions& options) {
  constexpr std::string_view kFiles = "/remote.php/dav/files/";
  const std::size_t script = place.root.find(kFiles);
  const bool typed = script == std::string::npos;
  if (typed) place.root = std::string(kFiles) + options.user + place.root;
  const std::string prefix = typed ? "" : place.root.substr(0, script);
  const std::string inside = place.root.substr(prefix.size() + kFiles.size());
  place.parts = {prefix + "/remote.php/dav/uploads/" + inside.substr(0, inside.find('/')), options.part_bytes};
}

Result<Place> place_of(const base::Address& address, const WebdavOptions& options) {
  const auto bad = [](const char* why) { return Error(ErrorCode::invalid_argument, why); };
  if (address.scheme != "https" && address.scheme != "http") return bad("the address is not https:// or http://");
  if (address.host.empty()) return bad("the address has no host");
  if (!address.query.empty()) return bad("the address has a query");
  if (options.nextcloud && options.user.empty()) return bad("Nextcloud needs the name of a user");
  const bool old_way = address.path.find("/remote.php/") != std::string::npos &&
                       address.path.find("/remote.php/dav/files/") == std::string::npos;
  if (options.nextcloud && old_way) return bad("Nextcloud's address ends with /remote.php/dav/files/NAME/FOLDER");
  if (options.nextcloud && options.part_bytes < kMinPartBytes) return bad("parts of less than 5 MiB");
  if (options.auth != WebdavAuth::automatic && options.password.empty()) return bad("the password or token is missing");
  Place place{(options.nextcloud ? "nextcloud+" : "webdav+") + address.scheme,
              origin_of(address),
              storage::webdav::clean_path(address.path),
              {}};
  if (options.nextcloud) place_in_nextcloud(place, options);
  return place;
}

Result<void> open_root(const Context& ctx, Server& server, const Place& place, bool create) {
  auto listing = server.look(ctx, place.root, false);
  if (!listing && listing.error().code() == ErrorCode::not_found) {
    if (!create) return Error(ErrorCode::not_found, "the storage's folder is not there");
    return make_with_parents(ctx, server, place.root);
  }
  DRKIT_TRY(listing);
  for (const Resource& resource : listing->resources) {
    if (resource.path != place.root) continue;
    if (!resource.collection) return Error(ErrorCode::precondition_failed, "the storage's address is no folder");
    return {};
  }
  return Error(ErrorCode::unsupported, "the server lists other paths than were asked for");
}

}  // namespace

Result<StoragePtr> make_webdav_storage(const Context& ctx, const std::string& url, WebdavOptions options) {
  DRKIT_ASSIGN(const base::Address address, base::parse_address(url));
  if (options.user.empty()) options.user = address.user;
  DRKIT_ASSIGN(Place place, place_of(address, options));
  const bool create = options.create;
  const bool exposed = address.scheme == "http" && !options.password.empty();
  if (exposed) ctx.write_log(LogLevel::warning, "without https everybody on the way can read and change what is sent");
  DRKIT_ASSIGN(auto server, Server::make(place.origin, std::move(options)));
  if (auto opened = open_root(ctx, *server, place, create); !opened) {
    return std::move(opened).error().with("storage", place.origin + place.root);
  }
  return StoragePtr(std::make_shared<WebdavStorage>(std::move(server), std::move(place)));
}

}  // namespace drkit
