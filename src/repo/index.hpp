// Index: from chunk ids to places in packs, in bounded memory.
#pragma once

#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "format/pack.hpp"
#include "repo/sorted_runs.hpp"

namespace drkit::repo {

/// No more locations of one chunk are ever looked at: a hostile index may name any number.
inline constexpr std::size_t kMaxCopies = 64;

/// What is needed to read a pack.
struct PackRef {
  format::Digest name{};
  format::PackType type = format::PackType::data;
  std::uint64_t size_bytes = 0;
  format::SealedContentKey content_key;
  bool condemned = false;
  bool listed = true;  ///< by an index object; otherwise only its own directory speaks for it
};

/// Thread-safety: any thread.
class Index {
 public:
  /// `spool_directory`: for sorted runs that do not fit in memory; they are unlinked as soon as they are made.
  explicit Index(std::string spool_directory) : runs_(std::move(spool_directory)) {}

  /// Errors: io, no_space (of the spool).
  Result<void> add(const format::PackInfo& pack) { return add(pack, true); }
  /// For readers: a pack that is there and that no index object lists. No writer counts on it.
  Result<void> add_unlisted(const format::PackInfo& pack) { return add(pack, false); }
  /// Every copy in packs of the type: those that a writer may count on first, then others.
  Result<std::vector<Location>> find(format::PackType type, const format::ChunkId& id) const;
  /// Whether a writer may count on the chunk: it is in a listed pack that is neither condemned nor known to be gone.
  Result<bool> is_stored(format::PackType type, const format::ChunkId& id) const;
  /// False: something that may condemn any pack could not be read, so no writer may count on anything.
  void set_complete(bool complete);
  bool is_complete() const;
  /// What was found of the pack in the storage; packs count as being there until something else is said.
  void set_present(std::uint32_t number, bool present);
  /// Of a listed pack.
  std::optional<std::uint32_t> number_of(const format::Digest& name) const;
  Result<PackRef> pack(std::uint32_t number) const;
  bool knows_pack(const format::Digest& name) const;
  std::uint64_t pack_count() const;
  std::uint64_t chunk_count() const;
  /// Every pack, in the order they were added.
  std::vector<PackRef> packs() const;

 private:
  /// As small as can be: there may be a million.
  struct PackRow {
    format::Digest name;
    std::uint32_t size_bytes;
    std::uint32_t key;  ///< into content_keys_
    format::PackType type;
    bool condemned;
    bool present;
    bool listed;
  };
  Result<void> add(const format::PackInfo& pack, bool listed);
  std::optional<std::uint32_t> number_in_table(const format::Digest& name) const;
  void enter_in_table(std::uint32_t number);
  bool countable(const Location& location, format::PackType type) const;
  std::uint32_t intern_key(const format::SealedContentKey& key);
  PackRef ref_of(const PackRow& row) const;

  mutable std::shared_mutex mutex_;
  SortedRuns runs_;
  std::vector<PackRow> packs_;
  std::vector<std::uint32_t> table_;  ///< numbers + 1 by name, open addressing; names are hashes already
  std::size_t entered_ = 0;
  std::vector<format::SealedContentKey> content_keys_;
  std::uint64_t chunks_ = 0;
  bool complete_ = true;
};

}  // namespace drkit::repo
