// A storage written in C.
#include "handles.hpp"

namespace drkit::capi {
namespace {

class VtableStorage final : public Storage {
 public:
  VtableStorage(const drk_storage_vtable& vtable, void* user_data) : vtable_(vtable), user_data_(user_data) {}
  ~VtableStorage() override {
    if (vtable_.destroy != nullptr) vtable_.destroy(user_data_);
  }
  VtableStorage(const VtableStorage&) = delete;
  VtableStorage& operator=(const VtableStorage&) = delete;

  StorageInfo info() const override {
    drk_storage_info given{sizeof(drk_storage_info), 0, nullptr, nullptr, 0, 0, 0};
    vtable_.info(&given, user_data_);
    StorageInfo info;
    info.scheme = text_or(given.scheme, "vtable");
    info.name = text_or(given.name, info.scheme);
    info.conditional_create = given.conditional_create != 0;
    info.writable = given.read_only == 0;
    if (given.max_object_bytes != 0) info.max_object_bytes = given.max_object_bytes;
    return info;
  }

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    drk_object_info given = DRK_OBJECT_INFO_INIT;
    DRKIT_TRY(call(ctx, key, "stat", [&](const drk_cancel_token* cancel, const char* text, drk_error** err) {
      return vtable_.stat(cancel, text, &given, err, user_data_);
    }));
    return ObjectInfo{std::string(key), given.size_bytes, given.modified_ns};
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    drk_buffer buffer;
    DRKIT_TRY(call(ctx, key, "get", [&](const drk_cancel_token* cancel, const char* text, drk_error** err) {
      return vtable_.get(cancel, text, range.offset, range.length, &buffer, err, user_data_);
    }));
    if (buffer.bytes.size() > range.length) {
      return Error(ErrorCode::callback_failed, "get gave more bytes than the range has").with("key", std::string(key));
    }
    const ByteView bytes = as_bytes(buffer.bytes);
    return Bytes(bytes.begin(), bytes.end());
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return call(ctx, key, "put", [&](const drk_cancel_token* cancel, const char* text, drk_error** err) {
      return vtable_.put(cancel, text, bytes.data(), bytes.size(), options.if_absent ? 1 : 0, err, user_data_);
    });
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    return call(ctx, key, "remove", [&](const drk_cancel_token* cancel, const char* text, drk_error** err) {
      return vtable_.remove(cancel, text, err, user_data_);
    });
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override;

 private:
  /// What every call with a key has: checks before, the key in the error's context after.
  template <class Callback>
  Result<void> call(const Context& ctx, std::string_view key, std::string_view what, Callback&& callback) {
    DRKIT_TRY(validate_storage_key(key));
    if (auto going_on = ctx.check_cancelled(); !going_on.ok()) {
      return std::move(going_on).error().with("key", std::string(key));
    }
    const drk_cancel_token cancel{ctx.cancel};
    const std::string text(key);
    auto result = call_plugin(what, [&](drk_error** err) { return callback(&cancel, text.c_str(), err); });
    if (result.ok()) return {};
    for (const auto& [name, value] : result.error().context()) {
      if (name == "key") return std::move(result).error();
    }
    return std::move(result).error().with("key", text);
  }

  drk_storage_vtable vtable_;
  void* user_data_;
};

/// A prefix is fine when some key starts with it.
Result<void> begin_list(const Context& ctx, std::string_view prefix) {
  if (!prefix.empty() && !validate_storage_key(std::string(prefix) + 'x').ok()) DRKIT_TRY(validate_storage_key(prefix));
  if (auto going_on = ctx.check_cancelled(); !going_on.ok()) {
    return std::move(going_on).error().with("key", std::string(prefix));
  }
  return {};
}

/// One listing: what the plug-in gives goes to the visitor; an exception of the visitor must not pass through C.
struct Listing {
  const Context& ctx;
  const ListVisitor& visit;
  std::string_view prefix;
  bool stopped = false;
  std::optional<Error> error;
  std::exception_ptr exception;

  Result<bool> take(const drk_object_info* object) {
    DRKIT_TRY(require(object, "object"));
    DRKIT_ASSIGN(const auto given, copy_options(object, drk_object_info(DRK_OBJECT_INFO_INIT)));
    DRKIT_TRY(require(given.key, "object key"));
    DRKIT_TRY(validate_storage_key(given.key));
    if (!std::string_view(given.key).starts_with(prefix)) return invalid("listed a key without the prefix");
    const bool wanted = visit(ObjectInfo{given.key, given.size_bytes, given.modified_ns});
    return wanted && !ctx.cancel.cancelled();
  }
};

int visit_object(const drk_object_info* object, void* user_data) noexcept {
  auto& listing = *static_cast<Listing*>(user_data);
  if (listing.stopped) return 1;
  try {
    auto go_on = listing.take(object);
    if (!go_on.ok()) listing.error = std::move(go_on).error();
    listing.stopped = !go_on.ok() || !*go_on;
  } catch (...) {
    listing.exception = std::current_exception();
    listing.stopped = true;
  }
  return listing.stopped ? 1 : 0;
}

Result<void> VtableStorage::list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) {
  DRKIT_TRY(begin_list(ctx, prefix));
  const drk_cancel_token cancel{ctx.cancel};
  Listing listing{ctx, visit, prefix, false, std::nullopt, nullptr};
  auto result = call_plugin("list", [&](drk_error** err) {
    return vtable_.list(&cancel, std::string(prefix).c_str(), &visit_object, &listing, err, user_data_);
  });
  if (listing.exception != nullptr) std::rethrow_exception(listing.exception);
  if (listing.error) {
    return Error(ErrorCode::callback_failed, "list gave a wrong object").caused_by(std::move(*listing.error));
  }
  DRKIT_TRY(result);
  return begin_list(ctx, prefix);
}

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_storage_from_vtable(const drk_storage_vtable* vtable, void* user_data, drk_storage** out,
                                   drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    DRKIT_TRY(require(vtable, "vtable"));
    DRKIT_ASSIGN(const auto given, copy_options(vtable, drk_storage_vtable(DRK_STORAGE_VTABLE_INIT)));
    if (given.info == nullptr || given.stat == nullptr || given.get == nullptr || given.put == nullptr ||
        given.remove == nullptr || given.list == nullptr) {
      return invalid("a callback of the storage is missing");
    }
    auto handle = std::make_unique<drk_storage>();
    handle->storage = std::make_shared<VtableStorage>(given, user_data);
    *out = handle.release();
    return {};
  });
}

}  // extern "C"
