#include "testing/scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace drkit::testing {

Peer::~Peer() {
  if (fd_ >= 0) ::close(fd_);
}

bool Peer::wait_readable() {
  while (fd_ >= 0 && !stopping_) {
    pollfd wanted{fd_, POLLIN, 0};
    if (::poll(&wanted, 1, 20) > 0) {
      char byte = 0;
      return ::recv(fd_, &byte, 1, MSG_PEEK) > 0;
    }
  }
  return false;
}

std::string Peer::read_bytes(std::size_t count) {
  std::string text;
  while (text.size() < count && wait_readable()) {
    std::string buffer(std::min<std::size_t>(count - text.size(), 65536), '\0');
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    text.append(buffer, 0, static_cast<std::size_t>(got));
  }
  return text;
}

std::string Peer::read_request() {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    const std::string byte = read_bytes(1);
    if (byte.empty()) return {};
    head += byte;
  }
  std::string lower = head;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const std::size_t at = lower.find("\r\ncontent-length:");
  return at == std::string::npos ? head : head + read_bytes(std::stoul(lower.substr(at + 17)));
}

void Peer::write(const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size() && fd_ >= 0 && !stopping_) {
    pollfd wanted{fd_, POLLOUT, 0};
    if (::poll(&wanted, 1, 20) <= 0) continue;
    const ssize_t done = ::send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done < 0) return;
    sent += static_cast<std::size_t>(done);
  }
}

void Peer::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd_);
  fd_ = -1;
}

void Peer::stall() {
  while (wait_readable()) read_bytes(1);
}

ScriptedServer::ScriptedServer(std::vector<Script> scripts) : scripts_(std::move(scripts)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, any, size) != 0 || ::listen(listener_, 64) != 0 || ::getsockname(listener_, any, &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& worker : workers_) worker.join();
  ::close(listener_);
}

void ScriptedServer::accept_all() {
  while (!stopping_) {
    pollfd wanted{listener_, POLLIN, 0};
    if (::poll(&wanted, 1, 20) <= 0) continue;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const Script& script = scripts_[std::min<std::size_t>(connections_++, scripts_.size() - 1)];
    workers_.emplace_back([this, fd, &script] {
      Peer peer(fd, stopping_);
      script(peer);
    });
  }
}

ScriptedServer::Script ScriptedServer::answering(std::function<std::string(const std::string&)> answer) {
  return [answer = std::move(answer)](Peer& peer) {
    for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) {
      peer.write(answer(request));
    }
  };
}

std::string ScriptedServer::response(const std::string& status, const std::string& body, const std::string& headers) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

}  // namespace drkit::testing
