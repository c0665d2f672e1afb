#include "storage/sftp/sftp.hpp"

#include <atomic>

#include "storage/key.hpp"
#include "storage/sftp/files.hpp"
#include "storage/sftp/pool.hpp"

namespace drkit::storage::sftp {
namespace {

class SftpStorage final : public Storage {
 public:
  explicit SftpStorage(Settings settings) : pool_(std::move(settings)) {}

  Result<void> begin(const Context& ctx) {
    DRKIT_ASSIGN(const Pool::Lease client, pool_.acquire(ctx));
    const Settings& settings = pool_.settings();
    atomic_create_ = client->abilities().hard_link;
    if (settings.create) DRKIT_TRY(make_root(ctx, *client));
    DRKIT_ASSIGN(const Reply reply, client->call(ctx, std::move(Packet(Op::stat).text(settings.root))));
    if (reply.op != Op::attributes) {
      DRKIT_ASSIGN(const Status status, status_of(reply));
      return status_error(ctx, *client, settings.root, status, "open the storage's directory");
    }
    DRKIT_ASSIGN(const Attributes there, Reader(reply.body).attributes());
    if (!there.is_directory()) return Error(ErrorCode::precondition_failed, "not a directory");
    return {};
  }

  StorageInfo info() const override {
    const Settings& settings = pool_.settings();
    StorageInfo info;
    info.scheme = "sftp";
    info.name = "sftp://" + settings.user + "@" + settings.host;
    if (settings.port != 22) info.name += ":" + std::to_string(settings.port);
    info.name += settings.root.starts_with('/') ? settings.root : "/~/" + settings.root;
    info.conditional_create = atomic_create_;
    return info;
  }

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    return with_client<ObjectInfo>(ctx, key, [&](Client& client) -> Result<ObjectInfo> {
      DRKIT_ASSIGN(const auto there, look(ctx, client, root(), path_of(key)));
      if (there && there->is_link()) return Error(ErrorCode::permission_denied, "symbolic link inside the storage");
      if (!there || !there->is_file()) return Error(ErrorCode::not_found, "no such object");
      return ObjectInfo{std::string(key), there->size_bytes, there->modified_seconds * 1'000'000'000};
    });
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    DRKIT_TRY(begin_call(ctx, key));
    return with_client<Bytes>(ctx, key, [&](Client& client) { return read_object(ctx, client, root(), key, range); });
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(begin_call(ctx, key));
    return with_client<void>(ctx, key, [&](Client& client) -> Result<void> {
      DRKIT_TRY(may_write(ctx, client));
      DRKIT_ASSIGN(const PutResult done, write_object(ctx, client, root(), key, bytes, options));
      if (options.if_absent && !done.atomic) atomic_create_ = false;
      if (!swept_.exchange(true)) remove_stale_temp_files(ctx, client, root());
      return {};
    });
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    return with_client<void>(ctx, key, [&](Client& client) { return remove_object(ctx, client, path_of(key)); });
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    DRKIT_TRY(begin_list(ctx, prefix));
    return with_client<void>(ctx, prefix,
                             [&](Client& client) { return list_objects(ctx, client, root(), prefix, visit); });
  }

 private:
  const std::string& root() const { return pool_.settings().root; }
  std::string path_of(std::string_view key) const { return root() + "/" + std::string(key); }

  template <class T, class Work>
  Result<T> with_client(const Context& ctx, std::string_view key, Work work) {
    const auto named = [&](Error error) { return std::move(error).with("key", std::string(key)); };
    auto lease = pool_.acquire(ctx);
    if (!lease) return named(std::move(lease).error());
    Result<T> done = work(**lease);
    if (done.ok()) return done;
    Error error = std::move(done).error();
    for (const auto& [name, value] : error.context()) {
      if (name == "key") return error;
    }
    return named(std::move(error));
  }

  Result<void> make_root(const Context& ctx, Client& client) {
    const std::string& path = root();
    if (path == ".") return {};
    const bool absolute = path.starts_with('/');
    return make_directories(ctx, client, absolute ? "/" : ".", std::string_view(path).substr(absolute ? 1 : 0));
  }

  Result<void> may_write(const Context& ctx, Client& client) {
    if (client.abilities().fsync || !pool_.settings().require_fsync) return {};
    // Servers that let nobody write do not offer to sync either: that is the better answer then.
    DRKIT_ASSIGN(const Status made,
                 client.call_status(
                     ctx, std::move(Packet(Op::mkdir).text(path_of(kTempDirectory)).u32(kHasPermissions).u32(0700))));
    if (made == Status::permission_denied) return status_error(ctx, client, root(), made, "write");
    return Error(
        ErrorCode::unsupported,
        "the server cannot make writes durable (no fsync@openssh.com); fsync=optional in the address accepts that");
  }

  Result<void> remove_object(const Context& ctx, Client& client, const std::string& path) {
    DRKIT_ASSIGN(const Status removed, client.call_status(ctx, std::move(Packet(Op::remove).text(path))));
    if (removed == Status::no_such_file) return {};
    if (removed != Status::ok) {
      // A directory is no object, and what is no object is absent.
      DRKIT_ASSIGN(const auto there, look(ctx, client, root(), path));
      if (!there || there->is_directory()) return {};
      return status_error(ctx, client, root(), removed, "remove the object");
    }
    DRKIT_ASSIGN(const auto directory, open_directory(ctx, client, parent_of(path)));
    return directory ? sync_directory(ctx, client, *directory) : Result<void>();
  }

  Pool pool_;
  std::atomic<bool> atomic_create_{false};
  std::atomic<bool> swept_{false};
};

}  // namespace

Result<StoragePtr> open(const Context& ctx, Settings settings) {
  auto storage = std::make_shared<SftpStorage>(std::move(settings));
  DRKIT_TRY(storage->begin(ctx));
  return StoragePtr(std::move(storage));
}

}  // namespace drkit::storage::sftp
