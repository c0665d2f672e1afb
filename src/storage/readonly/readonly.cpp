// readonly: a promise to the caller that nothing below is changed.
#include <drkit/storage.hpp>

#include "storage/key.hpp"

namespace drkit {
namespace {

class ReadOnlyStorage final : public Storage {
 public:
  explicit ReadOnlyStorage(StoragePtr inner) : inner_(std::move(inner)) {}

  StorageInfo info() const override {
    StorageInfo info = inner_->info();
    info.writable = false;
    return info;
  }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView, PutOptions) override { return refuse(ctx, key); }
  Result<void> remove(const Context& ctx, std::string_view key) override { return refuse(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner_->list(ctx, prefix, visit);
  }

 private:
  static Result<void> refuse(const Context& ctx, std::string_view key) {
    DRKIT_TRY(storage::begin_call(ctx, key));
    return storage::key_error(ErrorCode::permission_denied, "storage was opened read-only", key);
  }

  StoragePtr inner_;
};

}  // namespace

StoragePtr read_only(StoragePtr inner) { return std::make_shared<ReadOnlyStorage>(std::move(inner)); }

}  // namespace drkit
