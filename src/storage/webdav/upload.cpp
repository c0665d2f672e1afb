#include "storage/webdav/upload.hpp"

#include <algorithm>

#include "storage/webdav/path.hpp"

namespace drkit::storage::webdav {
namespace {

constexpr std::int64_t kStaleAfterNs = 24LL * 3600 * 1'000'000'000;
// Putting the parts together takes the server a while, in which it says nothing.
constexpr std::chrono::minutes kAssemblyTime{10};
constexpr std::chrono::seconds kDiscardTime{2};

}  // namespace

Result<void> Upload::send_whole(const Context& ctx, ByteView bytes) {
  // Never a part of a file by Content-Range: some servers take the part for the whole.
  Call call{"PUT", path_};
  call.headers = {{"Content-Type", "application/octet-stream"}};
  call.body = bytes;
  call.has_body = true;
  auto done = server_.expect_done(ctx, call, "uploading");
  if (!done) return std::move(done).error();
  return {};
}

Result<void> Upload::send_one_part(const Context& ctx, const std::string& path, ByteView part, std::size_t total) {
  Call call{"PUT", path};
  call.headers = {{"Destination", server_.url_of(path_)},
                  {"OC-Total-Length", std::to_string(total)},
                  {"Content-Type", "application/octet-stream"}};
  call.body = part;
  call.has_body = true;
  auto done = server_.expect_done(ctx, call, "uploading a part");
  if (!done) return std::move(done).error();
  return {};
}

Result<void> Upload::send_parts(const Context& ctx, ByteView bytes, const Parts& parts) {
  DRKIT_ASSIGN(const std::string name, random_name());
  const std::string folder = parts.folder + "/drkit-" + name;
  const std::string destination = server_.url_of(path_);
  const auto sent = [&]() -> Result<void> {
    auto made =
        server_.expect_done(ctx, {"MKCOL", folder, true, {{"Destination", destination}}}, "beginning an upload");
    if (!made) return std::move(made).error();
    // Nextcloud takes 10000 parts; larger objects get larger ones.
    const std::size_t part_bytes = std::max<std::size_t>(parts.bytes, bytes.size() / 9999 + 1);
    unsigned number = 0;
    for (std::size_t start = 0; start < bytes.size(); start += part_bytes) {
      const ByteView part = bytes.subspan(start, std::min(part_bytes, bytes.size() - start));
      DRKIT_TRY(send_one_part(ctx, folder + "/" + std::to_string(++number), part, bytes.size()));
    }
    Call call{"MOVE", folder + "/.file"};
    call.headers = {{"Destination", destination}, {"OC-Total-Length", std::to_string(bytes.size())}};
    call.stall_timeout = kAssemblyTime;
    auto done = server_.expect_done(ctx, call, "putting an upload together");
    if (!done) return std::move(done).error();
    return {};
  }();
  // Nextcloud removes abandoned uploads itself after a day.
  if (!sent && sent.error().code() != ErrorCode::cancelled) {
    static_cast<void>(server_.send(ctx, {"DELETE", folder, true, {}, {}, false, kDiscardTime}).ok());
  }
  return sent;
}

Result<void> Upload::send(const Context& ctx, ByteView bytes, const Parts& parts) {
  const bool whole = parts.folder.empty() || bytes.size() <= parts.bytes;
  DRKIT_TRY(whole ? send_whole(ctx, bytes) : send_parts(ctx, bytes, parts));
  // Servers with a full disk, and proxies before them, have been seen to say yes to less than everything.
  DRKIT_ASSIGN(const Resource there, server_.stat(ctx, path_));
  if (!there.collection && there.size_bytes == bytes.size()) return {};
  return Error(ErrorCode::io, "the server has kept another number of bytes than were sent", Retry::yes)
      .with("sent_bytes", std::to_string(bytes.size()))
      .with("kept_bytes", there.size_bytes ? std::to_string(*there.size_bytes) : "not said");
}

Result<net::HttpResponse> Upload::move_to(const Context& ctx, std::string_view path, bool overwrite) {
  Call call{"MOVE", path_};
  call.headers = {{"Destination", server_.url_of(path)}, {"Overwrite", overwrite ? "T" : "F"}};
  return server_.send(ctx, call);
}

void Upload::discard(const Context& ctx) {
  static_cast<void>(server_.send(ctx, {"DELETE", path_, false, {}, {}, false, kDiscardTime}).ok());
}

void remove_stale_uploads(const Context& ctx, Server& server, std::string_view folder) {
  const auto listing = server.look(ctx, folder, true);
  if (!listing || listing->server_ns == 0) return;
  for (const Resource& resource : listing->resources) {
    const bool stale = resource.modified_ns != 0 && listing->server_ns - resource.modified_ns > kStaleAfterNs;
    if (resource.collection || !stale || parent_of(resource.path) != folder) continue;
    if (const auto removed = server.send(ctx, {"DELETE", resource.path}); removed && removed->status / 100 == 2) {
      ctx.write_log(LogLevel::info, "removed a stale upload: " + resource.path.substr(folder.size() + 1));
    }
  }
}

}  // namespace drkit::storage::webdav
