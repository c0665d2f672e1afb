// The state behind a Repository handle, and small sealed objects.
#pragma once

#include <memory>
#include <shared_mutex>
#include <string>

#include <drkit/repository.hpp>

#include "base/turn.hpp"
#include "format/keys.hpp"
#include "format/pack.hpp"
#include "repo/budget.hpp"
#include "repo/index.hpp"

namespace drkit {

/// Thread-safety: const members, and those that lock.
struct Repository::Impl {
  StoragePtr storage;
  StoragePtr index_storage;  ///< the same through a local cache, where that is nearer: index objects never change
  format::RepositoryId id{};
  format::Features features;
  format::KeySet keys;
  std::string slot_id;  ///< of the slot that opened it
  /// Guards what rotating changes while other calls run: keys.data_keys and slot_id.
  mutable std::shared_mutex rotation_mutex;
  std::string cache_directory;
  repo::Budget budget;

  /// The index, loaded on first use and kept up to date by later calls with `refresh`. One caller loads it, the others
  /// wait. Errors: corrupt (names the object), cancelled (also while it waits), and the storage's.
  Result<std::shared_ptr<repo::Index>> index(const Context& ctx, bool refresh = false);
  /// Puts an index object that lists the packs, then adds them to `index` and to what index() answers: in this order,
  /// for nobody may rely on a pack that no index object lists. Returns the object's size.
  Result<std::uint64_t> list_packs(const Context& ctx, repo::Index& index, const std::vector<format::PackInfo>& packs);
  /// For readers, when index objects are damaged or a chunk is in none: every pack that no index object lists speaks
  /// for itself.
  Result<void> add_unlisted_packs(const Context& ctx, repo::Index& index, bool something_is_missing = false);
  /// A directory for temporary files of bounded size.
  std::string spool_directory() const;

 private:
  Result<format::IndexSegment> load_index_object(const Context& ctx, const std::string& key);
  Result<bool> refresh_index(const Context& ctx);
  Result<bool> build_index(const Context& ctx, const std::vector<std::string>& objects,
                           const std::vector<std::string>& skipped);

  base::Turn index_turn_;  ///< of the following
  std::shared_ptr<repo::Index> index_;
  std::vector<std::string> index_objects_;  ///< keys that index_ was made of, sorted
  std::vector<std::string> damaged_index_;  ///< keys that it lacks
};

}  // namespace drkit

namespace drkit::repo {

/// Format 1 defines no feature bits: any that is set is one that this build does not know. Errors: version_unsupported.
Result<void> require_known(std::uint64_t feature_bits, std::string_view use);

/// Gets an object's bytes, no more than its kind may have. Errors: corrupt (too large), and the storage's.
Result<Bytes> get_bounded(const Context& ctx, Storage& storage, std::string_view key, format::Kind kind);
/// Gets an object whole and unwraps its envelope; every error names the key.
Result<Bytes> get_object(const Context& ctx, Storage& storage, std::string_view key, format::Kind kind);
/// Wraps and puts. Errors: already_exists when if_absent.
Result<void> put_object(const Context& ctx, Storage& storage, std::string_view key, format::Kind kind, ByteView payload,
                        bool if_absent = true);

/// Seals with the index key, bound to kind, repository and identity.
Result<Bytes> seal_shared(const Repository::Impl& impl, format::Kind kind, ByteView identity, ByteView plain);
Result<Bytes> open_shared(const Repository::Impl& impl, format::Kind kind, ByteView identity, ByteView sealed);

/// A content key for one session, and its form for readers.
struct ContentKey {
  Secret key;
  format::SealedContentKey sealed;
};
Result<ContentKey> make_content_key(const Repository::Impl& impl);
/// Errors: permission_denied for the write role, corrupt.
Result<Secret> open_content_key(const Repository::Impl& impl, const format::SealedContentKey& sealed);

/// Every key below a prefix, sorted.
Result<std::vector<std::string>> list_keys(const Context& ctx, Storage& storage, std::string_view prefix);

/// An index object lists at most so many chunks: about 2 MiB. A killed run loses at most what the last one lacked, and
/// even that is found again from the packs' own directories.
inline constexpr std::size_t kIndexChunks = 50'000;
/// And at most so many packs: whoever adopts packs that no index lists reads them whole.
inline constexpr std::size_t kIndexPacks = 128;

/// Puts one index object that lists the packs.
Result<ObjectInfo> put_index(const Context& ctx, Repository::Impl& impl, const format::IndexSegment& segment);
/// Reads header and directory of a pack that no index lists. Errors: corrupt.
Result<format::PackInfo> read_pack_info(const Context& ctx, Repository::Impl& impl, const std::string& key,
                                        std::uint64_t size_bytes);
/// Whether read_pack_info failed because of the pack, so that others may still do.
bool is_unusable(const Error& error);

}  // namespace drkit::repo
