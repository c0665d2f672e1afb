// The storages that come with the library, and the decorators that wrap any storage.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <drkit/secret.hpp>
#include <drkit/spi/storage.hpp>

namespace drkit {

/// An empty storage in this process's memory (`mem:`); the reference that the other storages are held against.
DRKIT_API StoragePtr make_memory_storage();

struct LocalOptions {
  /// Make the directory and its parents (mode 0700) when they are missing; otherwise that is not_found.
  bool create = false;
};

/// Objects as files below a directory (`file:///srv/backup`), one file a key.
/// Some kilobytes stay reserved in the sub-directory `reserve~`, so that snapshots can be forgotten when the disk is
/// full. Writes go through temporary files in the sub-directory `tmp~`, a name that no key can have; those of writers
/// that died more than a day ago are removed at the first put. Files are made with mode 0600, directories with 0700.
/// Symbolic links below the directory are refused, never followed. A key can not be the parent part of another key
/// ("a" and "a/b"): the second one is refused with precondition_failed.
/// Errors: not_found, precondition_failed (not a directory), permission_denied.
DRKIT_API Result<StoragePtr> make_local_storage(const std::string& path, LocalOptions options = {});

enum class WebdavAuth : std::uint8_t {
  automatic,  ///< https: basic, or digest where the server wants it; http: what the server asks for, digest first
  basic,
  digest,
  bearer,  ///< password is the token
};

struct WebdavOptions {
  std::string user;  ///< "": the one in the address
  Secret password;   ///< empty: nothing is sent
  WebdavAuth auth = WebdavAuth::automatic;
  std::string ca_file;                  ///< PEM file of authorities to trust instead of the system's
  std::string client_certificate_file;  ///< PEM file
  std::string client_key_file;          ///< PEM file; "": in client_certificate_file
  Secret client_key_password;
  std::string proxy;    ///< "": none
  bool create = false;  ///< make the folder and its parents when they are missing
  /// Nextcloud: objects larger than part_bytes are sent in parts (its "chunked upload v2"), so that neither its PHP
  /// limits nor a proxy's stand in the way. An address without /remote.php/ is below the user's files.
  bool nextcloud = false;
  std::uint64_t part_bytes = 20 << 20;  ///< at least 5 MiB
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds stall_timeout{60'000};  ///< the server neither takes nor sends a byte for so long
  unsigned max_connections = 16;
};

/// Objects as files of a WebDAV server, one file a key, below `https://host/folder` (or http). Made for mod_dav, nginx
/// with its DAV extension, rclone and Nextcloud; needs PUT, GET, PROPFIND, MKCOL, MOVE and DELETE, nothing else.
/// A put is uploaded below the folder `tmp~`, a name that no key can have, looked at, and then moved into place;
/// uploads of writers that died more than a day ago are removed at the first put. if_absent is as atomic as the
/// server's MOVE without overwriting, which is not to be relied on between writers that race
/// (StorageInfo::conditional_create is false); replacing an object is as atomic as MOVE with overwriting. A key can not
/// be the parent part of another key. Errors: as Storage, and not_found (no such folder), unsupported (no WebDAV there,
/// or a redirect), unauthenticated (password, certificate), no_space, rate_limited. An answer that asks to wait has
/// "retry_after_ms" in the context.
DRKIT_API Result<StoragePtr> make_webdav_storage(const Context& ctx, const std::string& url,
                                                 WebdavOptions options = {});

struct RetryOptions {
  unsigned max_attempts = 8;                   ///< calls made in all; 0 counts as 1
  std::chrono::milliseconds first_delay{250};  ///< upper bound of the first wait, doubled before each further one
  std::chrono::milliseconds max_delay{30'000};
  std::chrono::milliseconds deadline{300'000};  ///< of one call with all its waits; no attempt starts after it
};

/// Repeats calls whose error is retryable, after random waits that grow; at least as long as the error asks by its
/// context "retry_after_ms". A wait that would pass the deadline is not begun. The last error is answered as it came,
/// with the number of attempts in its context ("attempts"). A put with if_absent that says already_exists after a
/// failed attempt is compared with the object there: equal bytes mean that the earlier attempt succeeded and only its
/// answer was lost. Whoever must know that it was itself the one who created the object therefore puts bytes that
/// nobody else puts.
DRKIT_API StoragePtr with_retry(StoragePtr inner, RetryOptions options = {});

struct ThrottleOptions {
  std::uint64_t upload_bytes_per_second = 0;    ///< 0: no limit
  std::uint64_t download_bytes_per_second = 0;  ///< 0: no limit
};

/// Keeps the average rate of all threads together below the limits. Whole objects pass at once; the calls after them
/// wait.
DRKIT_API StoragePtr with_throttle(StoragePtr inner, ThrottleOptions options);

/// Lets at most `calls` calls be under way at once; the others wait, and their cancelled contexts end the wait.
DRKIT_API StoragePtr with_concurrency(StoragePtr inner, unsigned calls);

/// Keeps whole objects whose key ends in their SHA-256 (64 hexadecimal digits: a repository's packs and index objects)
/// in a local directory, and answers a get of the whole object from there. Everything else is passed on: nothing could
/// prove it. Bytes that do not have the promised digest are neither kept nor believed; an object that another process
/// removed may still be answered. Only a cache: it may be deleted at any time, several processes may share it, and when
/// it cannot be written the storage works without. The least recently used goes first when it grows past `max_bytes`.
/// Errors: as for making the directory (mode 0700).
DRKIT_API Result<StoragePtr> with_cache(StoragePtr inner, const std::string& directory, std::uint64_t max_bytes);

struct MirrorOptions {
  unsigned quorum = 0;  ///< copies that must take a put for it to succeed; 0: all
};

/// A copy that lacks an object, has it damaged, or has one that the others removed. No key: it cannot be asked at all.
struct MirrorGap {
  std::string key;
  std::size_t copy = 0;  ///< position in the list of storages
  std::string reason;    ///< one line
  bool damaged = false;  ///< the copy has other bytes, or none knows yet which copy is right
};

struct MirrorHealed {
  std::uint64_t objects_copied = 0;
  std::uint64_t bytes_copied = 0;
  std::vector<MirrorGap> left;  ///< could not be healed
};

/// What a mirror knows about its copies. Thread-safety: every member may be called concurrently.
class DRKIT_API MirrorControl {
 public:
  virtual ~MirrorControl() = default;
  /// What is known to be missing since the mirror was made: an operation over the mirror is whole on every copy only
  /// when this is empty after it. Callers report it; the log has a warning for each.
  virtual std::vector<MirrorGap> pending() const = 0;
  /// Copies what is pending to where it is missing, and removes what the others removed. Other bytes are replaced only
  /// by such as prove to be right (by a key or last 32 bytes that are their SHA-256) or as more copies have.
  virtual Result<MirrorHealed> heal(const Context& ctx) = 0;
  /// Reads a whole object on every copy, piece by piece, and notes where it is damaged or missing as pending: for who
  /// found a part of it to be bad. Parts come from the other copies from then on. Answers whether one of them proves to
  /// be right. Errors: cancelled.
  virtual Result<bool> examine(const Context& ctx, std::string_view key) = 0;
  /// Lists every copy and notes what is missing or has another size as pending. Errors: when a copy cannot be listed;
  /// the others have been compared, and it is pending without a key.
  virtual Result<void> compare(const Context& ctx) = 0;
};

struct Mirror {
  StoragePtr storage;
  std::shared_ptr<MirrorControl> control;
};

/// One storage over several copies. put goes to all at once and succeeds when `quorum` of them took it; where fewer
/// did, it fails and takes back what it had created. Reads ask one copy after the other and answer not_found only when
/// so many copies say so that the object cannot have been put; list is the union and fails when so many copies fail
/// that it could miss an object. A whole object whose key is its SHA-256 is compared with it, and the next copy asked
/// when it is another. remove succeeds only when every copy did it. if_absent is decided by the first copy that
/// answers, and is atomic when the quorum is more than half of the copies. Errors: invalid_argument (no storage, a null
/// one, a quorum above their number).
DRKIT_API Result<Mirror> mirror(std::vector<StoragePtr> copies, MirrorOptions options = {});

/// Refuses put and remove with permission_denied, whatever the storage below would allow.
DRKIT_API StoragePtr read_only(StoragePtr inner);

enum class StorageCall : std::uint8_t { stat, get, put, remove, list, any };

enum class FaultKind : std::uint8_t {
  fail,          ///< the call does nothing and answers the error
  lost_answer,   ///< the call is done, but answers the error
  crash_before,  ///< the call does nothing; it and every later call fail, as if the process were dead
  crash_after,   ///< the call is done; it and every later call fail
  truncate,      ///< get: only the first `position` bytes come; list: only the first `position` objects
  bit_flip,      ///< get: the bit number `position` (modulo the length) of the answer is inverted
  delay,         ///< the call is done after `duration`
};

/// One injected fault. It strikes calls number `nth` to `nth + times - 1` of those that it looks at, counted from 1.
struct Fault {
  FaultKind kind = FaultKind::fail;
  StorageCall call = StorageCall::any;
  std::uint64_t nth = 1;
  std::uint64_t times = 1;
  std::string key_prefix = {};  ///< looks only at keys (or listed prefixes) that start so
  ErrorCode code = ErrorCode::unavailable;
  Retry retry = Retry::yes;
  std::uint64_t position = 0;
  std::chrono::nanoseconds duration{0};
};

struct FaultPlan {
  std::vector<Fault> faults = {};  ///< the first that strikes a call is the one that counts
  /// Bytes that fit; a put beyond them fails with no_space. A removed object gives its bytes back.
  std::uint64_t space_bytes = std::numeric_limits<std::uint64_t>::max();
};

/// What passed through with_faults. Calls count when they are made, also those that fail; bytes when they passed.
struct CallCounts {
  std::atomic<std::uint64_t> stat{0};
  std::atomic<std::uint64_t> get{0};
  std::atomic<std::uint64_t> put{0};
  std::atomic<std::uint64_t> remove{0};
  std::atomic<std::uint64_t> list{0};
  std::atomic<std::uint64_t> bytes_put{0};
  std::atomic<std::uint64_t> bytes_got{0};
  std::uint64_t calls() const { return stat + get + put + remove + list; }
};

/// Injects faults and counts calls: for tests of everything that uses a storage.
/// Ownership: counts may be null, otherwise they are shared.
DRKIT_API StoragePtr with_faults(StoragePtr inner, FaultPlan plan, std::shared_ptr<CallCounts> counts = nullptr);

}  // namespace drkit
