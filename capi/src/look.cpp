// Looking into snapshots: ls, read, diff.
#include "handles.hpp"

namespace drkit::capi {

static_assert(DRK_ENTRY_REGULAR == static_cast<int>(EntryType::regular) &&
              DRK_ENTRY_DIRECTORY == static_cast<int>(EntryType::directory) &&
              DRK_ENTRY_SYMLINK == static_cast<int>(EntryType::symlink) &&
              DRK_ENTRY_HARDLINK == static_cast<int>(EntryType::hardlink) &&
              DRK_ENTRY_FIFO == static_cast<int>(EntryType::fifo) &&
              DRK_ENTRY_SOCKET == static_cast<int>(EntryType::socket) &&
              DRK_ENTRY_CHAR_DEVICE == static_cast<int>(EntryType::char_device) &&
              DRK_ENTRY_BLOCK_DEVICE == static_cast<int>(EntryType::block_device) &&
              DRK_ENTRY_STREAM == static_cast<int>(EntryType::stream));
static_assert(DRK_ADDED == static_cast<int>(Change::added) && DRK_REMOVED == static_cast<int>(Change::removed) &&
              DRK_MODIFIED == static_cast<int>(Change::modified));

EntryView::EntryView(const Entry& entry) {
  for (const auto& xattr : entry.xattrs) {
    xattrs_.push_back({xattr.name.c_str(), xattr.value.data(), xattr.value.size()});
  }
  view_.type = static_cast<int32_t>(entry.type);
  view_.path = entry.path.c_str();
  view_.mode = entry.mode;
  view_.uid = entry.uid;
  view_.gid = entry.gid;
  view_.user = entry.user.c_str();
  view_.group = entry.group.c_str();
  view_.mtime_ns = entry.mtime_ns;
  view_.size_bytes = entry.size_bytes;
  view_.link_target = entry.link_target.c_str();
  view_.device_number = entry.device_number;
  view_.xattrs = xattrs_.data();
  view_.xattr_count = xattrs_.size();
  view_.problem_code = entry.problem ? static_cast<drk_status>(entry.problem->code) : drk_status{DRK_OK};
  view_.problem_message = entry.problem ? entry.problem->message.c_str() : "";
  const bool has_content = entry.type == EntryType::regular || entry.type == EntryType::stream;
  view_.sha256 = has_content ? reinterpret_cast<const std::uint8_t*>(entry.sha256.data()) : nullptr;
  view_.fingerprint_device = entry.fingerprint.device;
  view_.fingerprint_inode = entry.fingerprint.inode;
  view_.fingerprint_ctime_ns = entry.fingerprint.ctime_ns;
}

namespace {

/// Feeds a write callback; the engine gives holes as zeros.
class CallbackSink final : public Sink {
 public:
  CallbackSink(drk_write_fn write, void* user_data) : write_(write), user_data_(user_data) {}

  Result<void> write_at(const Context&, std::uint64_t offset, ByteView bytes) override {
    if (offset != position_) return Error(ErrorCode::internal, "content came out of order");
    position_ += bytes.size();
    if (bytes.empty() || write_(bytes.data(), bytes.size(), user_data_) == 0) return {};
    return Error(ErrorCode::callback_failed, "the write callback asked to stop");
  }
  Result<void> close(const Context&) override { return {}; }

 private:
  drk_write_fn write_;
  void* user_data_;
  std::uint64_t position_ = 0;
};

}  // namespace
}  // namespace drkit::capi

using namespace drkit::capi;

extern "C" {

drk_status drk_ls(const drk_context* ctx, const drk_repository* repository, const char* snapshot, const char* path,
                  drk_entry_fn visit, void* user_data, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    if (visit == nullptr) return invalid("visit is null");
    DRKIT_ASSIGN(const auto found, find_snapshot(context, repository, snapshot));
    return drkit::list_entries(context, repository->repository, found, text_or(path), [&](const drkit::Entry& entry) {
      return visit(EntryView(entry).get(), user_data) == 0;
    });
  });
}

drk_status drk_read_entry(const drk_context* ctx, const drk_repository* repository, const char* snapshot,
                          const char* path, drk_write_fn write, void* user_data, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    DRKIT_TRY(require(path, "path"));
    if (write == nullptr) return invalid("write is null");
    DRKIT_ASSIGN(const auto found, find_snapshot(context, repository, snapshot));
    CallbackSink sink(write, user_data);
    return drkit::read_entry(context, repository->repository, found, path, sink);
  });
}

drk_status drk_diff(const drk_context* ctx, const drk_repository* repository, const char* snapshot_a,
                    const char* snapshot_b, drk_change_fn visit, void* user_data, drk_error** err) {
  return guard_call(ctx, err, [&](const drkit::Context& context) -> drkit::Result<void> {
    if (visit == nullptr) return invalid("visit is null");
    DRKIT_ASSIGN(const auto a, find_snapshot(context, repository, snapshot_a));
    DRKIT_ASSIGN(const auto b, find_snapshot(context, repository, snapshot_b));
    return drkit::diff(context, repository->repository, a, b, [&](drkit::Change change, const drkit::Entry& entry) {
      return visit(static_cast<drk_change>(change), EntryView(entry).get(), user_data) == 0;
    });
  });
}

}  // extern "C"
