// readonly: a promise to the caller that nothing below is changed.
#include <drkit/storage.hpp>

#include "storage/key.hpp"
#include "storage/layered.hpp"

namespace drkit {
namespace {

class ReadOnlyStorage final : public storage::Decorator {
 public:
  explicit ReadOnlyStorage(StoragePtr inner) : Decorator(std::move(inner)) {}

  StorageInfo info() const override {
    StorageInfo info = inner()->info();
    info.writable = false;
    return info;
  }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner()->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return inner()->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView, PutOptions) override { return refuse(ctx, key); }
  Result<std::unique_ptr<GrowingObject>> grow(const Context& ctx, std::string_view key) override {
    return refuse(ctx, key).error();
  }
  Result<void> remove(const Context& ctx, std::string_view key) override { return refuse(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner()->list(ctx, prefix, visit);
  }

 private:
  StoragePtr around(StoragePtr other) const override { return read_only(std::move(other)); }

  static Result<void> refuse(const Context& ctx, std::string_view key) {
    DRKIT_TRY(storage::begin_call(ctx, key));
    return storage::key_error(ErrorCode::permission_denied, "storage was opened read-only", key);
  }
};

}  // namespace

StoragePtr read_only(StoragePtr inner) { return std::make_shared<ReadOnlyStorage>(std::move(inner)); }

}  // namespace drkit
