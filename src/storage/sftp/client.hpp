// client: requests and answers of SFTP over one connection, many under way at once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "storage/sftp/packet.hpp"
#include "storage/sftp/session.hpp"

namespace drkit::storage::sftp {

struct Abilities {
  bool fsync = false;
  bool posix_rename = false;
  bool hard_link = false;
  bool space = false;              ///< tells how much fits
  std::size_t read_bytes = 32768;  ///< of one request
  std::size_t write_bytes = 32768;
};

/// Not thread-safe: one caller at a time. After an error other than cancelled the client is broken and good for
/// nothing. A cancelled wait leaves it whole: forgotten answers are dropped when they come.
class Client {
 public:
  /// Connects, recognises the server, signs in and begins sftp.
  /// Errors: as open_trusted_session and authenticate; unsupported (no sftp there). Their context has "host".
  static Result<std::unique_ptr<Client>> connect(const Context& ctx, const Settings& settings);
  ~Client();

  const Abilities& abilities() const { return abilities_; }
  bool broken() const { return broken_; }
  /// False when the server has gone away since the last request.
  bool alive();

  /// Queues the request and answers its number. Waits only while a lot is queued before it.
  Result<std::uint32_t> send(const Context& ctx, Packet packet);
  Result<std::uint32_t> send_write(const Context& ctx, const std::string& handle, std::uint64_t offset, ByteView bytes);
  /// The answer to the request, which is then done with.
  Result<Reply> wait(const Context& ctx, std::uint32_t id);
  /// The answer is not wanted.
  void forget(std::uint32_t id);
  /// Queues a request for cleaning up: never waits, and nobody looks at the answer.
  void post(Packet packet);
  /// No further use: what the server keeps open for this connection is closed with it.
  void retire() { broken_ = true; }
  /// Sends what is queued as far as it goes within the time, whatever the caller's context says.
  void flush_for(std::chrono::milliseconds time);

  Result<Reply> call(const Context& ctx, Packet packet);
  /// A request that is answered by a status alone.
  Result<Status> call_status(const Context& ctx, Packet packet);

 private:
  static Result<std::unique_ptr<Client>> connect_now(const Context& ctx, const Settings& settings);
  Client(SshSession session, std::chrono::milliseconds stall_timeout)
      : session_(std::move(session)), stall_timeout_(stall_timeout) {}
  Result<void> open_channel(const Context& ctx, Deadline deadline);
  Result<void> negotiate(const Context& ctx);
  Result<void> ask_limits(const Context& ctx);
  Result<void> enqueue(const Context& ctx, std::string bytes, ByteView payload);
  /// One round of sending, receiving and, when neither moved, waiting.
  Result<void> turn(const Context& ctx);
  Result<bool> push();
  Result<bool> pull();
  Result<void> take_packets();
  Error broken(Error error);

  SshSession session_;
  ssh_channel channel_ = nullptr;
  const std::chrono::milliseconds stall_timeout_;
  Abilities abilities_;
  bool broken_ = false;
  std::uint32_t next_id_ = 1;
  std::string out_;  // bytes not yet taken by the channel, from out_start_ on
  std::size_t out_start_ = 0;
  std::string scratch_;
  std::string in_;  // bytes of packets that are not complete
  std::map<std::uint32_t, Reply> replies_;
  std::set<std::uint32_t> forgotten_;
  Deadline last_progress_{};
};

}  // namespace drkit::storage::sftp
