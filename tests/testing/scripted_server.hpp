// ScriptedServer: a TCP server on this machine that plays a script to each connection, however rude.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace drkit::testing {

/// One connection as a script sees it.
class Peer {
 public:
  Peer(int fd, const std::atomic<bool>& stopping) : fd_(fd), stopping_(stopping) {}
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Head and body (by Content-Length) of the next request; "" when the other side has closed.
  std::string read_request();
  /// Reads so many bytes, or fewer before the end.
  std::string read_bytes(std::size_t count);
  void write(const std::string& text);
  /// Closes so that the other side sees a reset.
  void reset();
  /// Does nothing until the other side closes or the server stops.
  void stall();
  /// False: the other side has closed, or the server stops.
  bool wait_readable();

 private:
  int fd_;
  const std::atomic<bool>& stopping_;
};

class ScriptedServer {
 public:
  using Script = std::function<void(Peer&)>;

  /// The n-th connection gets the n-th script; those after the last get the last.
  explicit ScriptedServer(std::vector<Script> scripts);
  explicit ScriptedServer(Script script) : ScriptedServer(std::vector<Script>{std::move(script)}) {}
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  unsigned connections() const { return connections_; }

  /// A script that answers each request of the connection by the function's text.
  static Script answering(std::function<std::string(const std::string& request)> answer);
  /// A whole answer with a Content-Length.
  static std::string response(const std::string& status, const std::string& body, const std::string& headers = "");

 private:
  void accept_all();

  std::vector<Script> scripts_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<unsigned> connections_{0};
  std::vector<std::thread> workers_;
  std::thread acceptor_;
};

}  // namespace drkit::testing
