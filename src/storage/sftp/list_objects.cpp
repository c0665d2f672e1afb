// Listing: several directories are read at once, so that a wide tree does not cost a round trip for each of them.
#include <deque>
#include <map>

#include "storage/key.hpp"
#include "storage/sftp/files.hpp"

namespace drkit::storage::sftp {
namespace {

constexpr std::size_t kDirectoriesAtOnce = 16;

class Walk {
 public:
  Walk(const Context& ctx, Client& client, const std::string& root, std::string_view prefix, const ListVisitor& visit)
      : ctx_(ctx), client_(client), root_(root), prefix_(prefix), visit_(visit) {}
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;
  ~Walk() {
    for (const Directory& one : open_) {
      client_.forget(one.request);
      if (!one.handle.empty()) client_.post(std::move(Packet(Op::close).text(one.handle)));
      // The answer that would name the handle is not waited for: it goes with the connection.
      if (one.handle.empty()) client_.retire();
    }
  }

  Result<void> run() {
    const std::size_t slash = prefix_.rfind('/');
    waiting_.push_back(slash == std::string_view::npos ? "" : std::string(prefix_.substr(0, slash + 1)));
    while (!stopped_ && (!waiting_.empty() || !open_.empty())) {
      while (!waiting_.empty() && open_.size() < kDirectoriesAtOnce) DRKIT_TRY(open_next());
      Directory& first = open_.front();
      DRKIT_ASSIGN(const Reply reply, client_.wait(ctx_, first.request));
      DRKIT_TRY(first.handle.empty() ? opened(first, reply) : entries(first, reply));
    }
    return {};
  }

 private:
  struct Directory {
    std::string base;    // key of the directory with its separator, "" for the root
    std::string handle;  // "": being opened
    std::uint32_t request = 0;
  };

  Result<void> open_next() {
    Directory one{waiting_.front(), {}, 0};
    const std::string path = one.base.empty() ? root_ : root_ + "/" + one.base.substr(0, one.base.size() - 1);
    DRKIT_ASSIGN(one.request, client_.send(ctx_, std::move(Packet(Op::opendir).text(path))));
    waiting_.pop_front();
    open_.push_back(std::move(one));
    return {};
  }

  Result<void> opened(const Directory& first, const Reply& reply) {
    if (reply.op != Op::handle) {
      DRKIT_ASSIGN(const Status status, status_of(reply));
      const bool is_root = first.base.empty();
      open_.pop_front();
      if (status != Status::no_such_file) return status_error(ctx_, client_, root_, status, "list a directory");
      return is_root ? Result<void>(Error(ErrorCode::not_found, "the storage's directory is gone")) : Result<void>();
    }
    DRKIT_ASSIGN(const std::string_view handle, Reader(reply.body).text());
    open_.front().handle = std::string(handle);
    return ask_more();
  }

  // Behind the others, so that while one is waited for the rest is under way.
  Result<void> ask_more() {
    DRKIT_ASSIGN(open_.front().request, client_.send(ctx_, std::move(Packet(Op::readdir).text(open_.front().handle))));
    open_.push_back(std::move(open_.front()));
    open_.pop_front();
    return {};
  }

  Result<void> entries(const Directory& first, const Reply& reply) {
    if (reply.op != Op::name) {
      DRKIT_ASSIGN(const Status status, status_of(reply));
      client_.post(std::move(Packet(Op::close).text(first.handle)));
      open_.pop_front();
      if (status == Status::end) return {};
      return status_error(ctx_, client_, root_, status, "list a directory");
    }
    const std::string base = first.base;
    DRKIT_TRY(ask_more());
    Reader reader(reply.body);
    DRKIT_ASSIGN(const std::uint32_t count, reader.u32());
    for (std::uint32_t i = 0; i < count && !stopped_; ++i) {
      DRKIT_ASSIGN(const std::string_view name, reader.text());
      DRKIT_TRY(reader.text());  // the line that `ls -l` would show
      DRKIT_ASSIGN(const Attributes found, reader.attributes());
      DRKIT_TRY(entry(base + std::string(name), found));
    }
    return {};
  }

  Result<void> entry(const std::string& key, const Attributes& found) {
    // What can be no object's name is not ours: "..", temporary files, lost+found.
    if (!validate_storage_key(key).ok() || !leads_to_prefix(key)) return {};
    if (found.is_directory()) {
      waiting_.push_back(key + "/");
      return {};
    }
    if (found.is_link()) {
      return Error(ErrorCode::permission_denied, "symbolic link inside the storage").with("path", key);
    }
    if (!found.is_file() || !key.starts_with(prefix_)) return {};
    stopped_ = !visit_(ObjectInfo{key, found.size_bytes, found.modified_seconds * 1'000'000'000});
    return {};
  }

  bool leads_to_prefix(const std::string& key) const {
    return key.starts_with(prefix_) || prefix_.starts_with(key + "/");
  }

  const Context& ctx_;
  Client& client_;
  const std::string& root_;
  const std::string_view prefix_;
  const ListVisitor& visit_;
  bool stopped_ = false;
  std::deque<std::string> waiting_;
  std::deque<Directory> open_;
};

// Names and times of the temporary files.
Result<std::map<std::string, std::int64_t>> temp_files(const Context& ctx, Client& client,
                                                       const std::string& directory) {
  std::map<std::string, std::int64_t> found;
  DRKIT_ASSIGN(const Reply opened, client.call(ctx, std::move(Packet(Op::opendir).text(directory))));
  if (opened.op != Op::handle) return found;
  DRKIT_ASSIGN(const std::string_view handle, Reader(opened.body).text());
  for (;;) {
    DRKIT_ASSIGN(const Reply reply, client.call(ctx, std::move(Packet(Op::readdir).text(handle))));
    if (reply.op != Op::name) break;
    Reader reader(reply.body);
    DRKIT_ASSIGN(const std::uint32_t count, reader.u32());
    for (std::uint32_t i = 0; i < count; ++i) {
      DRKIT_ASSIGN(const std::string_view name, reader.text());
      DRKIT_TRY(reader.text());
      DRKIT_ASSIGN(const Attributes attributes, reader.attributes());
      if (attributes.is_file()) found[std::string(name)] = attributes.modified_seconds;
    }
  }
  client.post(std::move(Packet(Op::close).text(handle)));
  return found;
}

}  // namespace

Result<void> list_objects(const Context& ctx, Client& client, const std::string& root, std::string_view prefix,
                          const ListVisitor& visit) {
  return Walk(ctx, client, root, prefix, visit).run();
}

void remove_stale_temp_files(const Context& ctx, Client& client, const std::string& root) {
  constexpr std::int64_t kDaySeconds = 24 * 3600;
  const std::string directory = root + "/" + std::string(kTempDirectory);
  const auto found = temp_files(ctx, client, directory);
  if (!found) return;
  // The newest file tells the server's time: the caller's own clock may be another.
  std::int64_t now = 0;
  for (const auto& [name, modified] : *found) now = std::max(now, modified);
  for (const auto& [name, modified] : *found) {
    if (now - modified <= kDaySeconds) continue;
    client.post(std::move(Packet(Op::remove).text(directory + "/" + name)));
    ctx.write_log(LogLevel::info, "removed a stale temporary file: " + name);
  }
}

}  // namespace drkit::storage::sftp
