#include "storage/sftp/tcp.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

namespace drkit::storage::sftp {
namespace {

using base::UniqueFd;
using AddressList = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Error unreachable(int err) {
  return Error(ErrorCode::unavailable, "cannot connect: " + base::errno_error(err, "connect", "").message(),
               Retry::yes);
}

Result<AddressList> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed == 0) return AddressList(found, ::freeaddrinfo);
  if (failed == EAI_MEMORY) return Error(ErrorCode::out_of_memory, "out of memory");
  // A name server that is cut off may also say that there is no such name.
  return Error(ErrorCode::unavailable, "the host's name cannot be resolved", Retry::yes)
      .with("reason", ::gai_strerror(failed));
}

Result<void> wait_connected(const Context& ctx, int fd, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    DRKIT_TRY(wait_slice(ctx, fd, POLLOUT));
    pollfd one{fd, POLLOUT, 0};
    if (::poll(&one, 1, 0) > 0) break;
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error(ErrorCode::timeout, "the server does not accept the connection", Retry::yes);
    }
  }
  int err = 0;
  socklen_t size = sizeof err;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0) err = errno;
  if (err != 0) return unreachable(err);
  return {};
}

Result<UniqueFd> connect_one(const Context& ctx, const addrinfo& address,
                             std::chrono::steady_clock::time_point deadline) {
  UniqueFd fd(::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol));
  if (!fd) return unreachable(errno);
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return unreachable(errno);
    DRKIT_TRY(wait_connected(ctx, fd.get(), deadline));
  }
  // Requests are small and wait for answers; both options are wishes, no promise rests on them.
  const int on = 1;
  static_cast<void>(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
  return fd;
}

}  // namespace

Result<UniqueFd> connect_tcp(const Context& ctx, const std::string& host, std::uint16_t port,
                             std::chrono::steady_clock::time_point deadline) {
  DRKIT_TRY(ctx.check_cancelled());
  DRKIT_ASSIGN(const AddressList addresses, resolve(host, port));
  Result<UniqueFd> connected = Error(ErrorCode::unavailable, "the host has no address");
  for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
    connected = connect_one(ctx, *one, deadline);
    if (connected || connected.error().code() == ErrorCode::cancelled) break;
  }
  return connected;
}

Result<void> wait_slice(const Context& ctx, int fd, short events) {
  DRKIT_TRY(ctx.check_cancelled());
  pollfd one{fd, events, 0};
  // What went wrong with the socket shows at its next use.
  static_cast<void>(::poll(&one, 1, static_cast<int>(kSlice.count())));
  return ctx.check_cancelled();
}

}  // namespace drkit::storage::sftp
