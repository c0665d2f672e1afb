// memory: the reference storage, a map. What it answers is what every other storage should answer.
#include <map>
#include <mutex>
#include <vector>

#include <drkit/storage.hpp>

#include "storage/key.hpp"

namespace drkit {
namespace {

using storage::begin_call;
using storage::begin_list;
using storage::clip_range;
using storage::key_error;

class MemoryStorage final : public Storage {
 public:
  StorageInfo info() const override {
    StorageInfo info;
    info.scheme = "mem";
    info.name = "mem:";
    info.conditional_create = true;
    return info;
  }

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    DRKIT_ASSIGN(const Object object, find(key));
    return ObjectInfo{std::string(key), object.bytes->size(), object.modified_ns};
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    DRKIT_TRY(begin_call(ctx, key));
    DRKIT_ASSIGN(const Object object, find(key));
    DRKIT_ASSIGN(const std::uint64_t length, clip_range(range, object.bytes->size(), key));
    const auto first = object.bytes->begin() + static_cast<std::ptrdiff_t>(range.offset);
    return Bytes(first, first + static_cast<std::ptrdiff_t>(length));
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(begin_call(ctx, key));
    Object object{std::make_shared<const Bytes>(bytes.begin(), bytes.end()), ctx.clock->wall_ns()};
    const std::lock_guard lock(mutex_);
    const auto [place, inserted] = objects_.try_emplace(std::string(key), object);
    if (inserted) return {};
    if (options.if_absent) return key_error(ErrorCode::already_exists, "object exists", key);
    place->second = std::move(object);
    return {};
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(begin_call(ctx, key));
    const std::lock_guard lock(mutex_);
    if (const auto place = objects_.find(key); place != objects_.end()) objects_.erase(place);
    return {};
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    DRKIT_TRY(begin_list(ctx, prefix));
    for (const ObjectInfo& object : matching(prefix)) {
      DRKIT_TRY(begin_list(ctx, prefix));
      if (!visit(object)) break;
    }
    return {};
  }

 private:
  struct Object {
    std::shared_ptr<const Bytes> bytes;  // shared, so that readers copy outside the lock
    std::int64_t modified_ns = 0;
  };

  Result<Object> find(std::string_view key) const {
    const std::lock_guard lock(mutex_);
    const auto place = objects_.find(key);
    if (place == objects_.end()) return key_error(ErrorCode::not_found, "no such object", key);
    return place->second;
  }

  std::vector<ObjectInfo> matching(std::string_view prefix) const {
    std::vector<ObjectInfo> found;
    const std::lock_guard lock(mutex_);
    for (auto place = objects_.lower_bound(prefix); place != objects_.end(); ++place) {
      if (!place->first.starts_with(prefix)) break;
      found.push_back({place->first, place->second.bytes->size(), place->second.modified_ns});
    }
    return found;
  }

  mutable std::mutex mutex_;
  std::map<std::string, Object, std::less<>> objects_;
};

}  // namespace

StoragePtr make_memory_storage() { return std::make_shared<MemoryStorage>(); }

}  // namespace drkit
