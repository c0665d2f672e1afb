// Reading: many requests under way, so that distance costs one round trip and not one for each piece.
#include <algorithm>
#include <cstring>
#include <deque>

#include "storage/key.hpp"
#include "storage/sftp/files.hpp"

namespace drkit::storage::sftp {
namespace {

constexpr std::size_t kWindowBytes = std::size_t{4} << 20;

// Closes without waiting for the answer: nothing was written.
struct OpenFile {
  OpenFile(Client& client_of, std::string_view handle_of) : client(client_of), handle(handle_of) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  Client& client;
  const std::string handle;
  ~OpenFile() { client.post(std::move(Packet(Op::close).text(handle))); }
};

class ReadAll {
 public:
  ReadAll(const Context& ctx, Client& client, const std::string& handle, std::uint64_t offset, Bytes& into)
      : ctx_(ctx), client_(client), handle_(handle), offset_(offset), into_(into) {}
  ~ReadAll() {
    for (const Piece& piece : under_way_) client_.forget(piece.id);
  }

  /// Asks for what fits into the window, and does not wait for it.
  Result<void> begin() { return ask_ahead(); }

  Result<void> run() {
    while (asked_ < into_.size() || !under_way_.empty()) {
      DRKIT_TRY(ask_ahead());
      const Piece piece = under_way_.front();
      under_way_.pop_front();
      DRKIT_ASSIGN(const Reply reply, client_.wait(ctx_, piece.id));
      DRKIT_TRY(take(piece, reply));
    }
    return {};
  }

 private:
  struct Piece {
    std::uint32_t id;
    std::size_t start;
    std::size_t size;
  };

  Result<void> ask_ahead() {
    const std::size_t most = client_.abilities().read_bytes;
    const std::size_t pieces = std::max<std::size_t>(kWindowBytes / most, 1);
    while (asked_ < into_.size() && under_way_.size() < pieces) {
      const std::size_t size = std::min(most, into_.size() - asked_);
      DRKIT_TRY(ask(asked_, size));
      asked_ += size;
    }
    return {};
  }

  Result<void> ask(std::size_t start, std::size_t size) {
    DRKIT_ASSIGN(
        const std::uint32_t id,
        client_.send(
            ctx_,
            std::move(Packet(Op::read).text(handle_).u64(offset_ + start).u32(static_cast<std::uint32_t>(size)))));
    under_way_.push_back({id, start, size});
    return {};
  }

  Result<void> take(const Piece& piece, const Reply& reply) {
    if (reply.op != Op::data) {
      DRKIT_ASSIGN(const Status status, status_of(reply));
      if (status == Status::end) return Error(ErrorCode::io, "object shrank while it was read");
      return status_error(ctx_, client_, ".", status, "read");
    }
    DRKIT_ASSIGN(const std::string_view data, Reader(reply.body).text());
    if (data.empty() || data.size() > piece.size) {
      return Error(ErrorCode::corrupt, "the server's answer is no well-formed sftp packet");
    }
    std::memcpy(into_.data() + piece.start, data.data(), data.size());
    // A server may answer less than was asked for.
    if (data.size() < piece.size) DRKIT_TRY(ask(piece.start + data.size(), piece.size - data.size()));
    return {};
  }

  const Context& ctx_;
  Client& client_;
  const std::string& handle_;
  const std::uint64_t offset_;
  Bytes& into_;
  std::size_t asked_ = 0;
  std::deque<Piece> under_way_;
};

Result<Attributes> attributes_of(const Context& ctx, Client& client, const Reply& reply) {
  if (reply.op == Op::attributes) return Reader(reply.body).attributes();
  DRKIT_ASSIGN(const Status status, status_of(reply));
  if (status == Status::no_such_file) return Error(ErrorCode::not_found, "no such object");
  return status_error(ctx, client, ".", status, "look at the file");
}

// `expected_bytes` saves a round trip when it is right: the name may mean another file by now, the handle may not.
Result<Bytes> read_opened(const Context& ctx, Client& client, std::string_view key, const std::string& handle,
                          ByteRange range, std::uint64_t expected_bytes) {
  DRKIT_ASSIGN(const std::uint32_t measured, client.send(ctx, std::move(Packet(Op::fstat).text(handle))));
  Bytes bytes;
  if (const auto length = clip_range(range, expected_bytes, key)) bytes.resize(*length);
  ReadAll early(ctx, client, handle, range.offset, bytes);
  DRKIT_TRY(early.begin());
  DRKIT_ASSIGN(const Reply reply, client.wait(ctx, measured));
  DRKIT_ASSIGN(const Attributes opened, attributes_of(ctx, client, reply));
  DRKIT_ASSIGN(const std::uint64_t length, clip_range(range, opened.size_bytes, key));
  if (opened.size_bytes == expected_bytes) {
    DRKIT_TRY(early.run());
    return bytes;
  }
  Bytes other(length);
  DRKIT_TRY(ReadAll(ctx, client, handle, range.offset, other).run());
  return other;
}

}  // namespace

Result<Bytes> read_object(const Context& ctx, Client& client, const std::string& root, std::string_view key,
                          ByteRange range) {
  const std::string path = root + "/" + std::string(key);
  DRKIT_ASSIGN(const std::uint32_t looked, client.send(ctx, std::move(Packet(Op::lstat).text(path))));
  auto opened = client.call(ctx, std::move(Packet(Op::open).text(path).u32(kOpenRead).u32(0)));
  if (!opened) {
    client.retire();  // the handle that may come would stay open
    return std::move(opened).error();
  }
  std::optional<OpenFile> file;
  if (opened->op == Op::handle) {
    DRKIT_ASSIGN(const std::string_view handle, Reader(opened->body).text());
    file.emplace(client, handle);
  }
  DRKIT_ASSIGN(const Reply seen, client.wait(ctx, looked));
  DRKIT_ASSIGN(Attributes there, attributes_of(ctx, client, seen));
  if (there.is_link()) return Error(ErrorCode::permission_denied, "symbolic link inside the storage");
  if (!there.is_file()) return Error(ErrorCode::not_found, "no such object");
  if (!file) {
    DRKIT_ASSIGN(const Status status, status_of(*opened));
    return status_error(ctx, client, root, status, "open the object");
  }
  return read_opened(ctx, client, key, file->handle, range, there.size_bytes);
}

}  // namespace drkit::storage::sftp
