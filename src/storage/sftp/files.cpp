#include "storage/sftp/files.hpp"

namespace drkit::storage::sftp {
namespace {

constexpr std::uint64_t kReadOnlyFlag = 1;

struct Space {
  std::uint64_t free_bytes = 0;
  bool files_left = true;
  bool read_only = false;
};

Result<Space> space_of(const Context& ctx, Client& client, const std::string& root) {
  if (!client.abilities().space) return Error(ErrorCode::unsupported, "the server does not tell");
  DRKIT_ASSIGN(const Reply reply,
               client.call(ctx, std::move(Packet(Op::extended).text("statvfs@openssh.com").text(root))));
  if (reply.op != Op::extended_reply) return Error(ErrorCode::unsupported, "the server does not tell");
  // Block size, fragment size, blocks, free, available; files, free, available; id, flags, longest name.
  std::uint64_t field[11];
  Reader reader(reply.body);
  for (std::uint64_t& value : field) {
    DRKIT_ASSIGN(value, reader.u64());
  }
  return Space{field[1] * field[4], field[5] == 0 || field[7] > 0, (field[9] & kReadOnlyFlag) != 0};
}

}  // namespace

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Error status_error(const Context& ctx, Client& client, const std::string& root, Status status, std::string_view what,
                   std::size_t bytes) {
  const std::string text = "cannot " + std::string(what);
  switch (status) {
    case Status::no_such_file:
      return Error(ErrorCode::not_found, text + ": no such file");
    case Status::permission_denied:
      return Error(ErrorCode::permission_denied, text + ": the server refuses");
    case Status::unsupported:
      return Error(ErrorCode::unsupported, text + ": the server cannot");
    case Status::no_connection:
    case Status::connection_lost:
      return Error(ErrorCode::unavailable, text + ": the server has lost its connection", Retry::yes);
    default:
      break;
  }
  constexpr std::uint64_t kSlackBytes = 64 << 10;
  const auto space = space_of(ctx, client, root);
  if (space && space->read_only) return Error(ErrorCode::permission_denied, text + ": the file system is read-only");
  if (space && (space->free_bytes < bytes + kSlackBytes || !space->files_left)) {
    return Error(ErrorCode::no_space, text + ": the file system is full")
        .with("free_bytes", std::to_string(space->free_bytes));
  }
  return Error(ErrorCode::io, text + ": the server says failure")
      .with("status", std::to_string(static_cast<std::uint32_t>(status)));
}

Result<std::optional<Attributes>> look(const Context& ctx, Client& client, const std::string& root,
                                       const std::string& path) {
  DRKIT_ASSIGN(const Reply reply, client.call(ctx, std::move(Packet(Op::lstat).text(path))));
  if (reply.op == Op::attributes) {
    DRKIT_ASSIGN(const Attributes found, Reader(reply.body).attributes());
    return std::optional<Attributes>(found);
  }
  DRKIT_ASSIGN(const Status status, status_of(reply));
  if (status == Status::no_such_file) return std::optional<Attributes>();
  return status_error(ctx, client, root, status, "look at the file");
}

Result<std::optional<std::string>> open_directory(const Context& ctx, Client& client, const std::string& path) {
  DRKIT_ASSIGN(const Reply reply, client.call(ctx, std::move(Packet(Op::open).text(path).u32(kOpenRead).u32(0))));
  if (reply.op != Op::handle) return std::optional<std::string>();
  DRKIT_ASSIGN(const std::string_view handle, Reader(reply.body).text());
  return std::optional<std::string>(handle);
}

Result<void> sync_directory(const Context& ctx, Client& client, const std::string& handle) {
  if (!client.abilities().fsync) {
    client.post(std::move(Packet(Op::close).text(handle)));
    return {};
  }
  DRKIT_ASSIGN(const std::uint32_t synced,
               client.send(ctx, std::move(Packet(Op::extended).text("fsync@openssh.com").text(handle))));
  client.post(std::move(Packet(Op::close).text(handle)));
  DRKIT_ASSIGN(const Reply reply, client.wait(ctx, synced));
  DRKIT_ASSIGN(const Status status, status_of(reply));
  // An honest "cannot" is the server's way with directories; a failure is a disk that did not take the name.
  if (status != Status::failure) return {};
  return Error(ErrorCode::io, "cannot sync the directory: the server says failure");
}

Result<void> make_directories(const Context& ctx, Client& client, const std::string& base, std::string_view parts) {
  std::string path = base;
  for (std::size_t start = 0; start < parts.size();) {
    const std::size_t end = std::min(parts.find('/', start), parts.size());
    const std::string parent = path;
    path += (path == "/" ? "" : "/") + std::string(parts.substr(start, end - start));
    start = end + 1;
    DRKIT_ASSIGN(const Status made,
                 client.call_status(ctx, std::move(Packet(Op::mkdir).text(path).u32(kHasPermissions).u32(0700))));
    if (made == Status::ok) {
      DRKIT_ASSIGN(const auto handle, open_directory(ctx, client, parent));
      if (handle) DRKIT_TRY(sync_directory(ctx, client, *handle));
      continue;
    }
    DRKIT_ASSIGN(const auto there, look(ctx, client, base, path));
    if (there && there->is_directory()) continue;
    if (there && there->is_link()) return Error(ErrorCode::permission_denied, "symbolic link inside the storage");
    if (there) return Error(ErrorCode::precondition_failed, "a file is where a directory is needed");
    return status_error(ctx, client, base, made, "make a directory");
  }
  return {};
}

}  // namespace drkit::storage::sftp
