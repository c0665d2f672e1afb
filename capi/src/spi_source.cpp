// A source written in C.
#include "handles.hpp"

struct drk_receipt {
  drkit::SourceReceipt facts;
};

namespace drkit::capi {
namespace {

Result<Entry> entry_of(const drk_entry& given) {
  if (given.type < DRK_ENTRY_REGULAR || given.type > DRK_ENTRY_STREAM) return invalid("unknown entry type");
  Entry entry;
  entry.path = given.path;
  entry.type = static_cast<EntryType>(given.type);
  entry.mode = given.mode;
  entry.uid = given.uid;
  entry.gid = given.gid;
  entry.user = text_or(given.user);
  entry.group = text_or(given.group);
  entry.mtime_ns = given.mtime_ns;
  entry.size_bytes = given.size_bytes;
  entry.link_target = text_or(given.link_target);
  entry.device_number = given.device_number;
  if (given.xattr_count != 0) DRKIT_TRY(require(given.xattrs, "xattrs"));
  for (std::size_t i = 0; i < given.xattr_count; ++i) {
    const drk_xattr& xattr = given.xattrs[i];
    if (xattr.name == nullptr || (xattr.value == nullptr && xattr.value_size != 0)) return invalid("xattr is null");
    const char* value = xattr.value_size == 0 ? "" : static_cast<const char*>(xattr.value);
    entry.xattrs.push_back({xattr.name, std::string(value, xattr.value_size)});
  }
  entry.fingerprint = {given.fingerprint_device, given.fingerprint_inode, given.fingerprint_ctime_ns};
  if (given.problem_code != DRK_OK) {
    if (!is_known_code(given.problem_code)) return invalid("unknown problem code");
    entry.problem = Problem{entry.path, static_cast<ErrorCode>(given.problem_code), text_or(given.problem_message)};
  }
  return entry;
}

/// The vtable and its user data; the last of source and streams destroys it.
struct Plugin {
  Plugin(const drk_source_vtable& table, void* data) : vtable(table), user_data(data) {}
  ~Plugin() {
    if (vtable.destroy != nullptr) vtable.destroy(user_data);
  }
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  drk_source_vtable vtable;
  void* user_data;
};

class VtableStream final : public Stream {
 public:
  VtableStream(std::shared_ptr<Plugin> plugin, Entry entry) : plugin_(std::move(plugin)), entry_(std::move(entry)) {}

  const Entry& entry() const override { return entry_; }

  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override {
    const drk_cancel_token cancel{ctx.cancel};
    ReadResult result;
    DRKIT_TRY(call_plugin("read", [&](drk_error** err) {
      return plugin_->vtable.read(&cancel, buffer.data(), buffer.size(), &result.data_bytes, &result.hole_bytes, err,
                                  plugin_->user_data);
    }));
    if (result.data_bytes > buffer.size()) {
      return Error(ErrorCode::callback_failed, "read gave more bytes than the buffer holds").with("path", entry_.path);
    }
    return result;
  }

  Result<void> close(const Context& ctx) override {
    if (plugin_->vtable.close == nullptr) return {};
    const drk_cancel_token cancel{ctx.cancel};
    return call_plugin("close",
                       [&](drk_error** err) { return plugin_->vtable.close(&cancel, err, plugin_->user_data); });
  }

 private:
  std::shared_ptr<Plugin> plugin_;
  Entry entry_;
};

class VtableSource final : public Source {
 public:
  /// From here on destroy will be called: the last step of making the source, so that a failure never calls it.
  void attach(const drk_source_vtable& vtable, void* user_data) {
    plugin_ = std::make_shared<Plugin>(vtable, user_data);
  }

  SourceInfo info() const override {
    drk_source_info given{sizeof(drk_source_info), 0, nullptr, nullptr, 0, 0};
    plugin_->vtable.info(&given, plugin_->user_data);
    return {text_or(given.kind, "vtable"), text_or(given.name), given.entry_errors_are_partial != 0,
            given.ordered != 0};
  }

  Result<void> begin(const Context& ctx) override {
    if (plugin_->vtable.begin == nullptr) return {};
    const drk_cancel_token cancel{ctx.cancel};
    return call_plugin("begin",
                       [&](drk_error** err) { return plugin_->vtable.begin(&cancel, err, plugin_->user_data); });
  }

  std::uint64_t estimated_bytes() const override {
    return plugin_->vtable.estimated_bytes == nullptr ? 0 : plugin_->vtable.estimated_bytes(plugin_->user_data);
  }

  Result<std::unique_ptr<Stream>> next(const Context& ctx) override {
    DRKIT_TRY(ctx.check_cancelled());
    const drk_cancel_token cancel{ctx.cancel};
    drk_entry given = DRK_ENTRY_INIT;
    DRKIT_TRY(call_plugin(
        "next", [&](drk_error** err) { return plugin_->vtable.next(&cancel, &given, err, plugin_->user_data); }));
    if (given.path == nullptr) return std::unique_ptr<Stream>();
    auto entry = entry_of(given);
    if (!entry.ok()) {
      return Error(ErrorCode::callback_failed, "next gave a wrong entry").caused_by(std::move(entry).error());
    }
    return std::unique_ptr<Stream>(std::make_unique<VtableStream>(plugin_, std::move(entry).value()));
  }

  Result<SourceReceipt> finish(const Context& ctx) override {
    drk_receipt receipt;
    if (plugin_->vtable.finish == nullptr) return receipt.facts;
    const drk_cancel_token cancel{ctx.cancel};
    DRKIT_TRY(call_plugin(
        "finish", [&](drk_error** err) { return plugin_->vtable.finish(&cancel, &receipt, err, plugin_->user_data); }));
    return std::move(receipt.facts);
  }

 private:
  std::shared_ptr<Plugin> plugin_;
};

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_source_from_vtable(const drk_source_vtable* vtable, void* user_data, drk_source** out, drk_error** err) {
  return guard(err, [&]() -> drkit::Result<void> {
    DRKIT_TRY(clear_out(out));
    DRKIT_TRY(require(vtable, "vtable"));
    DRKIT_ASSIGN(const auto given, copy_options(vtable, drk_source_vtable(DRK_SOURCE_VTABLE_INIT)));
    if (given.info == nullptr || given.next == nullptr || given.read == nullptr) {
      return invalid("the vtable lacks info, next or read");
    }
    auto handle = std::make_unique<drk_source>();
    auto source = std::make_unique<VtableSource>();
    source->attach(given, user_data);
    handle->source = std::move(source);
    *out = handle.release();
    return {};
  });
}

drk_status drk_receipt_set(drk_receipt* receipt, const char* key, const char* value) {
  return guard(nullptr, [&]() -> drkit::Result<void> {
    DRKIT_TRY(require(receipt, "receipt"));
    DRKIT_TRY(require(key, "key"));
    DRKIT_TRY(require(value, "value"));
    receipt->facts[key] = value;
    return {};
  });
}

}  // extern "C"
