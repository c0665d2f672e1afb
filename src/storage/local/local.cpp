// local: objects are files below a directory. A put is written aside, synced, renamed, and the directory synced.
#include <atomic>
#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>

#include <drkit/storage.hpp>

#include "base/posix_file.hpp"
#include "storage/key.hpp"
#include "storage/local/growing_file.hpp"
#include "storage/local/lister.hpp"
#include "storage/local/reserve.hpp"
#include "storage/local/temp_file.hpp"
#include "storage/local/tree.hpp"

namespace drkit {
namespace {

using base::UniqueFd;
using storage::begin_call;
using storage::begin_list;
using storage::clip_range;
using storage::key_error;
using storage::local::GrowingFile;
using storage::local::Place;
using storage::local::Reserve;
using storage::local::TempFile;
using storage::local::Tree;

Error for_key(Error error, std::string_view key) { return std::move(error).with("key", std::string(key)); }

class LocalStorage final : public Storage {
 public:
  LocalStorage(UniqueFd root, std::string path) : tree_(std::move(root), std::move(path)) {}

  StorageInfo info() const override {
    StorageInfo info;
    info.scheme = "file";
    info.name = "file://" + tree_.path();
    info.conditional_create = true;
    return info;
  }

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    DRKIT_ASSIGN(const Object object, open_object(key));
    return ObjectInfo{std::string(key), object.size(), storage::local::modified_ns(object.status)};
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    DRKIT_TRY(begin_call(ctx, key));
    DRKIT_ASSIGN(const Object object, open_object(key));
    DRKIT_ASSIGN(const std::uint64_t length, clip_range(range, object.size(), key));
    Bytes bytes(length);
    auto done = base::pread_full(object.fd.get(), bytes, range.offset, path_of(key));
    if (!done) return for_key(std::move(done).error(), key);
    if (*done != length) return key_error(ErrorCode::io, "object shrank while it was read", key);
    return bytes;
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(begin_call(ctx, key));
    auto done = put_file(ctx, key, bytes, options);
    while (options.makes_room && !done && done.error().code() == ErrorCode::no_space && reserve_.give_back()) {
      reserve_is_whole_ = false;
      done = put_file(ctx, key, bytes, options);
    }
    if (!done) return for_key(std::move(done).error(), key);
    keep_room(ctx);
    return done;
  }

  Result<std::unique_ptr<GrowingObject>> grow(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    auto growing = make_growing(key);
    if (!growing) return for_key(std::move(growing).error(), key);
    return std::unique_ptr<GrowingObject>(std::move(*growing));
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    auto done = remove_file(key);
    if (!done && done.error().code() == ErrorCode::not_found) return {};
    if (done && !reserve_is_whole_.exchange(true)) reserve_.fill(ctx);
    if (done) return done;
    return for_key(std::move(done).error(), key);
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    DRKIT_TRY(begin_list(ctx, prefix));
    auto done = storage::local::list_tree(ctx, tree_, prefix, visit);
    if (done) return done;
    return for_key(std::move(done).error(), prefix);
  }

 private:
  struct Object {
    UniqueFd fd;
    struct stat status {};
    std::uint64_t size() const { return static_cast<std::uint64_t>(status.st_size); }
  };

  std::string path_of(std::string_view key) const { return tree_.path() + "/" + std::string(key); }

  // Errors name the key. What is no regular file is no object.
  Result<Object> open_object(std::string_view key) const {
    auto place = tree_.find(key);
    if (!place) return for_key(std::move(place).error(), key);
    // Non-blocking, so that a foreign fifo cannot hang the call.
    auto fd = base::open_at(place->directory.get(), place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd && fd.error().code() == ErrorCode::not_found) return key_error(ErrorCode::not_found, "no such object", key);
    if (!fd) return for_key(std::move(fd).error(), key);
    Object object{std::move(*fd), {}};
    if (::fstat(object.fd.get(), &object.status) != 0) {
      return for_key(base::errno_error(errno, "cannot look at", path_of(key)), key);
    }
    if (!S_ISREG(object.status.st_mode)) return key_error(ErrorCode::not_found, "no such object", key);
    return object;
  }

  Result<void> put_file(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) {
    DRKIT_ASSIGN(const Place place, tree_.make(key));
    DRKIT_ASSIGN(const std::optional<mode_t> present, kind_of(place, key));
    if (present && !S_ISREG(*present)) return not_an_object(*present);
    // Asked early to spare the writing; the rename decides.
    if (present && options.if_absent) return exists(place, key);
    DRKIT_ASSIGN(const int temp_directory, temp_files(ctx));
    DRKIT_ASSIGN(TempFile temp, TempFile::make(temp_directory));
    DRKIT_TRY(temp.fill(ctx, bytes));
    auto renamed = temp.rename_to(place.directory.get(), place.name, !options.if_absent);
    if (!renamed && renamed.error().code() == ErrorCode::already_exists) return exists(place, key);
    DRKIT_TRY(std::move(renamed));
    return base::fsync_file(place.directory.get(), path_of(key));
  }

  Result<std::unique_ptr<GrowingFile>> make_growing(std::string_view key) {
    DRKIT_ASSIGN(const Place place, tree_.make(key));
    auto file = base::open_at(place.directory.get(), place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!file && file.error().code() == ErrorCode::already_exists) return exists(place, key).error();
    if (!file) return std::move(file).error();
    auto growing = std::make_unique<GrowingFile>(std::move(*file), path_of(key), key);
    if (auto synced = base::fsync_file(place.directory.get(), path_of(key)); !synced) {
      static_cast<void>(base::unlink_at(place.directory.get(), place.name));
      return std::move(synced).error();
    }
    return growing;
  }

  Result<std::optional<mode_t>> kind_of(const Place& place, std::string_view key) const {
    struct stat status {};
    if (::fstatat(place.directory.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      return std::optional<mode_t>(status.st_mode);
    }
    if (errno == ENOENT) return std::optional<mode_t>();
    return base::errno_error(errno, "cannot look at", path_of(key));
  }

  static Error not_an_object(mode_t mode) {
    if (S_ISLNK(mode)) return Error(ErrorCode::permission_denied, "symbolic link inside the storage");
    return Error(ErrorCode::precondition_failed, "the name of other keys' directory, or no file");
  }

  // Whoever is told "exists" relies on it: the winner's name must be durable even if the winner has not synced yet.
  Result<void> exists(const Place& place, std::string_view key) const {
    DRKIT_TRY(base::fsync_file(place.directory.get(), path_of(key)));
    return Error(ErrorCode::already_exists, "object exists");
  }

  Result<void> remove_file(std::string_view key) const {
    DRKIT_ASSIGN(const Place place, tree_.find(key));
    DRKIT_ASSIGN(const std::optional<mode_t> present, kind_of(place, key));
    if (!present || S_ISDIR(*present)) return {};
    DRKIT_TRY(base::unlink_at(place.directory.get(), place.name));
    return base::fsync_file(place.directory.get(), path_of(key));
  }

  // Opened at the first put, so that a storage can be read where it cannot be written.
  Result<int> temp_files(const Context& ctx) {
    const std::lock_guard lock(temp_mutex_);
    if (!temp_directory_) {
      DRKIT_ASSIGN(temp_directory_, tree_.make_child(storage::local::kTempDirectory));
      storage::local::remove_stale_temp_files(ctx, temp_directory_.get());
    }
    return temp_directory_.get();
  }

  // For repositories alone: what is only probed or tested shall be left as it was.
  void keep_room(const Context& ctx) {
    if (room_is_kept_ || ::faccessat(tree_.root(), "config", F_OK, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (!room_is_kept_.exchange(true)) reserve_.fill(ctx);
  }

  Tree tree_;
  const Reserve reserve_{tree_};
  std::atomic<bool> room_is_kept_{false};
  std::atomic<bool> reserve_is_whole_{true};  ///< as far as this object knows
  std::mutex temp_mutex_;
  UniqueFd temp_directory_;
};

Result<std::string> absolute(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> resolved(::realpath(path.c_str(), nullptr), std::free);
  if (!resolved) return base::errno_error(errno, "cannot open storage", path);
  return std::string(resolved.get());
}

}  // namespace

Result<StoragePtr> make_local_storage(const std::string& path, LocalOptions options) {
  if (path.empty()) return Error(ErrorCode::invalid_argument, "empty path");
  if (options.create) DRKIT_TRY(base::make_directories(path));
  DRKIT_ASSIGN(UniqueFd root, base::open_file(path, O_RDONLY | O_DIRECTORY));
  DRKIT_ASSIGN(std::string full, absolute(path));
  return StoragePtr(std::make_shared<LocalStorage>(std::move(root), std::move(full)));
}

}  // namespace drkit
