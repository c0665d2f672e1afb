// wal_receive: the log of a running PostgreSQL server into a repository as it is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include <drkit/wal.hpp>

namespace drkit {

/// Where received log must be before the server is told that it is flushed.
enum class WalDurable : std::uint8_t {
  storage,  ///< in the repository
  spool,    ///< in a synced file of this machine; the repository follows
};

struct WalReceiveOptions {
  std::string slot;          ///< replication slot that keeps the log until it was received; "": none
  bool create_slot = true;   ///< when it is absent or was invalidated; else that is an error
  bool synchronous = false;  ///< store as soon as anything arrives: for synchronous_standby_names
  WalDurable durable = WalDurable::storage;
  std::string spool_directory;  ///< of WalDurable::spool
  /// Received log is on its way into the repository at the latest after this time and that of the put before it.
  std::chrono::milliseconds store_every{250};
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(30);
  std::string application_name = "drkit";  ///< what synchronous_standby_names calls it
  bool reconnect = true;                   ///< false: the first lost connection ends it
  std::uint64_t until_lsn = 0;             ///< end when everything before it is stored; 0: only on cancel
  /// And as soon as it is so many bytes. Everything is stored twice then, in pieces and as a segment. 0, as much as a
  /// segment, or WalDurable::spool: pieces are made in time only, and a full segment is stored without.
  std::uint64_t store_bytes = 256 << 10;
  /// What log that waits for the storage may take of the spool's disk. While the storage is away receiving goes on
  /// until there is so much of it, or the disk is full but for a reserve (a twentieth of it, 1 GiB at most); then it
  /// pauses until the storage takes some in. One segment always fits. 0: the reserve alone counts.
  std::uint64_t spool_bytes = 10ULL << 30;
};

struct WalReceived {
  std::uint64_t system_id = 0;
  std::uint32_t timeline = 0;
  std::uint64_t stored_lsn = 0;  ///< everything before it is in the repository
  std::uint64_t segments = 0;
  std::uint64_t pieces = 0;
  std::uint64_t gaps = 0;
  std::uint64_t connections = 0;
  /// Log that came and is neither in the repository nor in a spool, because the storage did not take it in within ten
  /// seconds after the cancel. The server was not told that it is safe; without a slot it may remove it all the same.
  std::uint64_t unstored_bytes = 0;
};

/// Receives until it is cancelled or until_lsn is stored; both are success (look at unstored_bytes after a cancel).
/// Goes on where the repository ends, follows timelines, stores their histories, and connects anew when the server goes
/// away. Log that the server no longer has is recorded as a gap. The role needs REPLICATION. The position flushed is
/// reported only for what is durable; the positions replayed never, for nothing is. With WalDurable::spool and
/// reconnect an outage of the storage (unavailable, timeout, rate_limited, no_space, io) is a warning: log waits in the
/// spool and is stored in order afterwards, also over lost connections to the server; only beginning, a gap and a
/// change of the timeline wait for the storage. Errors: already_exists (the server sends other bytes than those stored:
/// it is another branch of the cluster),
///   invalid_argument, unauthenticated, permission_denied, unsupported (server older than 15, or segments of more than
///   64 MiB), the storage's.
/// Ownership: starts two threads, which end before it returns.
DRKIT_API Result<WalReceived> receive_wal(const Context& ctx, const WalArchive& archive, const std::string& conninfo,
                                          const WalReceiveOptions& options = {});

}  // namespace drkit
