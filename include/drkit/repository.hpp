// Repository: creating, opening, listing, keys.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/context.hpp>
#include <drkit/result.hpp>
#include <drkit/secret.hpp>
#include <drkit/snapshot.hpp>
#include <drkit/spi/storage.hpp>

namespace drkit {

/// What the holder of a key may do. Values are stored: pinned for ever.
enum class KeyRole : std::uint8_t {
  full = 1,   ///< everything
  write = 2,  ///< add data with deduplication and list snapshots; reads no data back
};

/// A key file as `drkit keygen` writes it: an X25519 pair. The public text is safe to publish.
struct DRKIT_API KeyFile {
  std::string public_key;  ///< "drkit-pub-1" + 64 hexadecimal digits
  Secret secret_key;       ///< the whole secret text, "drkit-key-1" + 64 hexadecimal digits

  static Result<KeyFile> generate();
  /// Errors: invalid_argument when the text is no key file.
  static Result<KeyFile> parse(const Secret& text);
};

/// One way into a repository.
struct KeySlot {
  std::string id;  ///< 32 hexadecimal digits
  bool is_password = false;
  KeyRole role = KeyRole::full;
  std::string label;
  std::string public_key;  ///< recipients only
  std::int64_t created_ns = 0;
};

/// Proof of the right to open: a password, or a key file's secret text. Exactly one is set.
struct Credential {
  std::optional<Secret> password;
  std::optional<Secret> key;
};

/// Argon2id cost of password slots. The default is above what OWASP asks for (46 MiB and one pass, or 19 MiB and two)
/// and lets every command work within 64 MiB.
struct PasswordCost {
  std::uint64_t operations = 4;
  std::uint64_t memory_bytes = 40ULL << 20;
};

struct CreateOptions {
  std::vector<Secret> passwords;
  std::vector<std::string> recipients;  ///< public keys, each gets the full role
  PasswordCost password_cost;
};

struct OpenOptions {
  Credential credential;
  /// Directory of this repository's local cache (index objects unless of "file" or "mem", at most 1 GiB), of rollback
  /// memory and of a write-only key's last backups; empty: none. One that cannot be made is a warning in the log.
  std::string cache_directory;
  /// Upper bound of the memory of every operation. Units: bytes. At least 64 MiB.
  std::uint64_t memory_bytes = 256ULL << 20;
  /// Threads that compress and seal or open and decode; 0: one per processor.
  unsigned parallel = 0;
};

struct SnapshotFilter {
  std::map<std::string, std::string> tags;  ///< all must match
  std::string source;                       ///< source_name, or kind:name; empty matches all
};

/// A snapshot that is there and cannot be used: what is known of it.
struct DamagedSnapshot {
  std::string id;        ///< 32 hexadecimal digits
  Error error;           ///< what is wrong with it
  bool missing = false;  ///< others name it, and it is not there
};

/// An open repository. Movable handle; copies share the state.
/// Thread-safety: every member may be called concurrently; several backups may run at once.
class DRKIT_API Repository {
 public:
  struct Impl;

  /// Makes a repository in an empty storage prefix and opens it with the first password, else with `credential`.
  /// Errors: already_exists (a repository is there), precondition_failed (other objects are there).
  static Result<Repository> create(const Context& ctx, StoragePtr storage, CreateOptions options,
                                   OpenOptions open_options = {});
  /// Errors: not_found (no repository there), bad_key, version_unsupported, corrupt (also: rolled back).
  static Result<Repository> open(const Context& ctx, StoragePtr storage, OpenOptions options);

  std::string id() const;
  KeyRole role() const;
  StorageInfo storage_info() const;

  /// Oldest first. Those whose bytes are damaged, and those that are missing and were never forgotten (the storage was
  /// rolled back, or lost them), go to `damaged`, whatever the filter, for nobody knows what they were.
  /// Errors: corrupt for the first of them when `damaged` is null.
  Result<std::vector<Snapshot>> snapshots(const Context& ctx, const SnapshotFilter& filter = {},
                                          std::vector<DamagedSnapshot>* damaged = nullptr) const;
  /// `name`: an id prefix of at least 4 digits, "latest", or "latest:SOURCE". By id, the damage of others does not
  /// matter; which one is the latest cannot be told while one is damaged. Errors: not_found, invalid_argument, corrupt.
  Result<Snapshot> find_snapshot(const Context& ctx, std::string_view name) const;
  /// The whole id alone, of a damaged snapshot, too. `name` and errors as above; a whole id is taken as it is.
  Result<std::string> find_snapshot_id(const Context& ctx, std::string_view name) const;
  /// Removes the snapshot of this whole id from the list, leaving a tombstone; the data stays until a prune. One that
  /// is damaged or missing can be forgotten, too: so a loss is accepted. Errors: not_found.
  Result<void> forget(const Context& ctx, const std::string& snapshot_id);

  Result<std::vector<KeySlot>> keys(const Context& ctx) const;
  Result<KeySlot> add_password(const Context& ctx, const Secret& password, KeyRole role, std::string label,
                               PasswordCost cost = {});
  Result<KeySlot> add_recipient(const Context& ctx, std::string_view public_key, KeyRole role, std::string label);
  /// Errors: precondition_failed when it is the last full slot, or the slot this handle was opened with.
  Result<void> remove_key(const Context& ctx, const std::string& slot_id);
  /// New data goes under a new data key from now on; old data stays readable. Slots of recipients are renewed, and the
  /// caller's own; other password slots cannot be and are removed: the answer names them.
  Result<std::vector<KeySlot>> rotate_key(const Context& ctx, const Credential& own);

  /// For the library's own layers.
  const std::shared_ptr<Impl>& impl() const { return impl_; }
  explicit Repository(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<Impl> impl_;
};

/// Repository::id() of the repository in a storage, without a key and without opening it.
/// Errors: not_found (no repository there), version_unsupported, corrupt, the storage's.
DRKIT_API Result<std::string> read_repository_id(const Context& ctx, Storage& storage);

}  // namespace drkit
