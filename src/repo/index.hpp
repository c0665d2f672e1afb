// Index: from chunk ids to places in packs, in bounded memory.
#pragma once

#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "format/pack.hpp"
#include "repo/sorted_runs.hpp"

namespace drkit::repo {

/// What is needed to read a pack.
struct PackRef {
  format::Digest name{};
  format::PackType type = format::PackType::data;
  std::uint64_t size_bytes = 0;
  format::SealedContentKey content_key;
};

/// Thread-safety: any thread.
class Index {
 public:
  /// `spool_directory`: for sorted runs that do not fit in memory; they are unlinked as soon as they are made.
  explicit Index(std::string spool_directory) : runs_(std::move(spool_directory)) {}

  /// Errors: io, no_space (of the spool).
  Result<void> add(const format::PackInfo& pack);
  Result<std::optional<Location>> find(const format::ChunkId& id) const;
  Result<PackRef> pack(std::uint32_t number) const;
  bool knows_pack(const format::Digest& name) const;
  std::uint64_t pack_count() const;
  std::uint64_t chunk_count() const;
  /// Every pack, in the order they were added.
  std::vector<PackRef> packs() const;

 private:
  struct PackRow {
    format::Digest name;
    std::uint64_t size_bytes;
    std::uint32_t key;  ///< into content_keys_
    format::PackType type;
  };
  std::uint32_t intern_key(const format::SealedContentKey& key);
  PackRef ref_of(const PackRow& row) const;

  mutable std::shared_mutex mutex_;
  SortedRuns runs_;
  std::vector<PackRow> packs_;
  std::map<format::Digest, std::uint32_t> pack_numbers_;
  std::vector<format::SealedContentKey> content_keys_;
  std::uint64_t chunks_ = 0;
};

}  // namespace drkit::repo
