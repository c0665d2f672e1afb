#include "storage/sftp/client.hpp"

#include <algorithm>

namespace drkit::storage::sftp {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kQueueBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxRequestBytes = std::size_t{128} << 10;  // past it nothing gets faster

Error lost() { return Error(ErrorCode::unavailable, "the connection was lost", Retry::yes); }

}  // namespace

Client::~Client() {
  if (channel_ != nullptr) ssh_channel_free(channel_);
}

Error Client::broken(Error error) {
  broken_ = true;
  return error;
}

Result<std::unique_ptr<Client>> Client::connect(const Context& ctx, const Settings& settings) {
  auto client = connect_now(ctx, settings);
  if (client) return client;
  return std::move(client).error().with("host", settings.host + ":" + std::to_string(settings.port));
}

Result<std::unique_ptr<Client>> Client::connect_now(const Context& ctx, const Settings& settings) {
  const Deadline deadline = steady_clock::now() + settings.connect_timeout;
  DRKIT_ASSIGN(SshSession session, open_trusted_session(ctx, settings, deadline));
  DRKIT_TRY(authenticate(ctx, settings, session.get(), deadline));
  std::unique_ptr<Client> client(new Client(std::move(session), settings.stall_timeout));
  DRKIT_TRY(client->open_channel(ctx, deadline));
  DRKIT_TRY(client->negotiate(ctx));
  return client;
}

Result<void> Client::open_channel(const Context& ctx, Deadline deadline) {
  channel_ = ssh_channel_new(session_.get());
  if (channel_ == nullptr) return Error(ErrorCode::out_of_memory, "out of memory");
  const auto step = [&](auto work) { return until_done(ctx, session_.get(), deadline, SSH_AGAIN, work); };
  DRKIT_ASSIGN(const int opened, step([&] { return ssh_channel_open_session(channel_); }));
  if (opened != SSH_OK) return session_error(session_.get(), "the server opens no channel");
  DRKIT_ASSIGN(const int asked, step([&] { return ssh_channel_request_subsystem(channel_, "sftp"); }));
  if (asked == SSH_OK) return {};
  if (ssh_is_connected(session_.get()) == 0) return lost();
  return Error(ErrorCode::unsupported, "the server offers no sftp to this account");
}

Result<void> Client::negotiate(const Context& ctx) {
  constexpr std::uint32_t kVersion = 3;
  last_progress_ = steady_clock::now();
  // The one request without a number: the version stands in its place, and so it does in the answer.
  DRKIT_TRY(enqueue(ctx, Packet(Op::init).finish(kVersion), {}));
  DRKIT_ASSIGN(const Reply reply, wait(ctx, kVersion));
  if (reply.op != Op::version) return Error(ErrorCode::unsupported, "the server does not speak sftp version 3");
  Reader reader(reply.body);
  bool limits = false;
  while (!reader.at_end()) {
    DRKIT_ASSIGN(const std::string_view name, reader.text());
    DRKIT_TRY(reader.text());
    abilities_.fsync |= name == "fsync@openssh.com";
    abilities_.posix_rename |= name == "posix-rename@openssh.com";
    abilities_.hard_link |= name == "hardlink@openssh.com";
    abilities_.space |= name == "statvfs@openssh.com";
    limits |= name == "limits@openssh.com";
  }
  return limits ? ask_limits(ctx) : Result<void>();
}

Result<void> Client::ask_limits(const Context& ctx) {
  DRKIT_ASSIGN(const Reply reply, call(ctx, std::move(Packet(Op::extended).text("limits@openssh.com"))));
  if (reply.op != Op::extended_reply) return {};
  Reader reader(reply.body);
  DRKIT_TRY(reader.u64());
  const auto usable = [](std::uint64_t limit) {
    return static_cast<std::size_t>(limit == 0 ? 32768 : std::clamp<std::uint64_t>(limit, 4096, kMaxRequestBytes));
  };
  DRKIT_ASSIGN(const std::uint64_t read_bytes, reader.u64());
  DRKIT_ASSIGN(const std::uint64_t write_bytes, reader.u64());
  abilities_.read_bytes = usable(read_bytes);
  abilities_.write_bytes = usable(write_bytes);
  return {};
}

bool Client::alive() {
  if (broken_ || ssh_is_connected(session_.get()) == 0) return false;
  return pull().ok();
}

Result<std::uint32_t> Client::send(const Context& ctx, Packet packet) {
  const std::uint32_t id = ++next_id_;
  DRKIT_TRY(enqueue(ctx, std::move(packet).finish(id), {}));
  return id;
}

Result<std::uint32_t> Client::send_write(const Context& ctx, const std::string& handle, std::uint64_t offset,
                                         ByteView bytes) {
  const std::uint32_t id = ++next_id_;
  Packet packet(Op::write);
  packet.text(handle).u64(offset).u32(static_cast<std::uint32_t>(bytes.size()));
  DRKIT_TRY(enqueue(ctx, std::move(packet).finish(id, bytes.size()), bytes));
  return id;
}

Result<void> Client::enqueue(const Context& ctx, std::string bytes, ByteView payload) {
  if (broken_) return lost();
  if (out_.empty() && replies_.empty()) last_progress_ = steady_clock::now();
  while (out_.size() - out_start_ >= kQueueBytes) DRKIT_TRY(turn(ctx));
  DRKIT_TRY(ctx.check_cancelled());
  out_ += bytes;
  out_.append(as_text(payload));
  auto pushed = push();
  if (!pushed) return std::move(pushed).error();
  return {};
}

Result<Reply> Client::wait(const Context& ctx, std::uint32_t id) {
  for (;;) {
    if (const auto found = replies_.find(id); found != replies_.end()) {
      Reply reply = std::move(found->second);
      replies_.erase(found);
      return reply;
    }
    if (broken_) return lost();
    if (auto moved = turn(ctx); !moved) {
      forget(id);
      return std::move(moved).error();
    }
  }
}

void Client::forget(std::uint32_t id) {
  if (replies_.erase(id) == 0) forgotten_.insert(id);
}

Result<Reply> Client::call(const Context& ctx, Packet packet) {
  DRKIT_ASSIGN(const std::uint32_t id, send(ctx, std::move(packet)));
  return wait(ctx, id);
}

Result<Status> Client::call_status(const Context& ctx, Packet packet) {
  DRKIT_ASSIGN(const Reply reply, call(ctx, std::move(packet)));
  return status_of(reply);
}

Result<void> Client::turn(const Context& ctx) {
  DRKIT_ASSIGN(const bool pushed, push());
  DRKIT_ASSIGN(const bool pulled, pull());
  const auto now = steady_clock::now();
  if (pushed || pulled) {
    last_progress_ = now;
    return ctx.check_cancelled();
  }
  if (now - last_progress_ > stall_timeout_) {
    return broken(Error(ErrorCode::timeout, "the server has stopped answering", Retry::yes));
  }
  return wait_session(ctx, session_.get());
}

Result<bool> Client::push() {
  bool moved = false;
  while (out_start_ < out_.size()) {
    const auto left = static_cast<std::uint32_t>(std::min<std::size_t>(out_.size() - out_start_, kQueueBytes));
    if (ssh_channel_window_size(channel_) == 0) break;
    const int written = ssh_channel_write(channel_, out_.data() + out_start_, left);
    if (written == SSH_AGAIN || written == 0) break;
    if (written < 0) return broken(lost());
    out_start_ += static_cast<std::size_t>(written);
    moved = true;
  }
  if (out_start_ == out_.size()) {
    out_.clear();
    out_start_ = 0;
  } else if (out_start_ > kQueueBytes) {
    out_.erase(0, out_start_);
    out_start_ = 0;
  }
  return moved;
}

Result<bool> Client::pull() {
  constexpr std::size_t kReadBytes = std::size_t{256} << 10;
  bool moved = false;
  for (;;) {
    scratch_.resize(kReadBytes);
    const int got = ssh_channel_read_nonblocking(channel_, scratch_.data(), kReadBytes, 0);
    if (got == SSH_ERROR || got == SSH_EOF) return broken(lost());
    if (got <= 0) break;
    moved = true;
    in_.append(scratch_, 0, static_cast<std::size_t>(got));
    if (auto taken = take_packets(); !taken) return broken(std::move(taken).error());
  }
  // The channel's end is told to readers only when nothing is left to read.
  if (!moved && ssh_channel_is_eof(channel_) != 0) return broken(lost());
  return moved;
}

Result<void> Client::take_packets() {
  std::size_t start = 0;
  while (in_.size() - start >= kHeaderBytes) {
    Reader header(std::string_view(in_).substr(start));
    DRKIT_ASSIGN(const std::size_t size, header.u32());
    if (size < kHeaderBytes - 4 || size > kMaxPacketBytes) {
      return Error(ErrorCode::corrupt, "the server's answer is no well-formed sftp packet");
    }
    if (in_.size() - start < 4 + size) break;
    const auto op = static_cast<Op>(static_cast<unsigned char>(in_[start + 4]));
    DRKIT_ASSIGN(const std::uint32_t id, Reader(std::string_view(in_).substr(start + 5)).u32());
    if (forgotten_.erase(id) == 0) {
      replies_[id] = Reply{op, in_.substr(start + kHeaderBytes, size - (kHeaderBytes - 4))};
    }
    start += 4 + size;
  }
  in_.erase(0, start);
  return {};
}

void Client::post(Packet packet) {
  if (broken_) return;
  const std::uint32_t id = ++next_id_;
  out_ += std::move(packet).finish(id);
  forget(id);
}

void Client::flush_for(std::chrono::milliseconds time) {
  const auto end = steady_clock::now() + time;
  const Context own;
  while (!broken_ && out_start_ < out_.size() && steady_clock::now() < end) {
    if (!turn(own)) return;
  }
}

}  // namespace drkit::storage::sftp
