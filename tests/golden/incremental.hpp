// A snapshot as an incremental writer makes it: what changed is stored, the rest is referred to and not read.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <drkit/backup.hpp>

#include "base/hex.hpp"
#include "crypto/sha256.hpp"
#include "engine/snapshot_reader.hpp"
#include "repo/chunk_writer.hpp"
#include "repo/stock.hpp"

namespace drkit::golden {

/// Bytes of one file that are new.
struct Change {
  std::string path;
  std::uint64_t offset = 0;
  std::string bytes;
};

/// The extents of a file without holes with the part [offset, offset + length) replaced by `piece`.
inline std::vector<format::Extent> replace_part(const std::vector<format::Extent>& old, std::uint64_t offset,
                                                const format::Extent& piece) {
  const std::uint64_t end = offset + piece.length_bytes;
  std::vector<format::Extent> extents;
  std::uint64_t at = 0;
  bool placed = false;
  for (const format::Extent& extent : old) {
    const std::uint64_t extent_end = at + extent.length_bytes;
    if (at < offset) {
      format::Extent left = extent;
      left.length_bytes = static_cast<std::uint32_t>(std::min(extent_end, offset) - at);
      extents.push_back(left);
    }
    if (!placed && extent_end > offset) {
      extents.push_back(piece);
      placed = true;
    }
    if (extent_end > end) {
      format::Extent right = extent;
      const auto cut = static_cast<std::uint32_t>(std::max(at, end) - at);
      right.chunk_offset += cut;
      right.length_bytes -= cut;
      extents.push_back(right);
    }
    at = extent_end;
  }
  return extents;
}

/// `base` with one file changed. Everything else of the new snapshot is as `described` says.
inline Result<Snapshot> commit_incremental(const Context& ctx, Repository& repository, const Snapshot& base,
                                           const Change& change, Snapshot described) {
  const auto impl = repository.impl();
  DRKIT_ASSIGN(const repo::Lease lease, repo::open_lease(ctx, *impl, described.host));
  DRKIT_ASSIGN(std::shared_ptr<repo::Index> index, repo::take_stock(ctx, *impl));
  DRKIT_ASSIGN(const auto chunks, repo::ChunkWriter::open(ctx, impl, 1, std::move(index)));
  repo::ManifestWriter manifest(*chunks);
  DRKIT_ASSIGN(const engine::SnapshotReader reader, engine::SnapshotReader::open(ctx, repository, base));
  repo::ManifestReader records = reader.manifest();
  while (true) {
    DRKIT_ASSIGN(std::optional<format::Record> record, records.next(ctx));
    if (!record) break;
    if (record->entry.path == change.path) {
      const ByteView bytes = as_bytes(change.bytes);
      const auto id = chunks->id_of(format::PackType::data, crypto::sha256(bytes));
      DRKIT_TRY(chunks->add(format::PackType::data, id, bytes));
      record->content.extents = replace_part(record->content.extents, change.offset,
                                             {id, 0, 0, static_cast<std::uint32_t>(change.bytes.size())});
      record->entry.sha256 = {};
      record->entry.fingerprint = {};
    }
    DRKIT_TRY(manifest.add(*record));
  }
  DRKIT_ASSIGN(const repo::ManifestRoot root, manifest.finish());
  DRKIT_TRY(chunks->flush());
  described.id = base::to_hex(lease.id);
  format::SnapshotPrivate private_part{root.node, root.level, described.receipt, {}};
  DRKIT_TRY(repo::commit_snapshot(ctx, *impl, lease, chunks->content_key(), {false, described, {}}, private_part));
  DRKIT_TRY(repo::close_lease(ctx, *impl, lease));
  return described;
}

/// Replaces all index objects by one that condemns the packs of data.
inline Result<void> condemn_data(const Context& ctx, Repository& repository) {
  Repository::Impl& impl = *repository.impl();
  format::IndexSegment segment;
  DRKIT_ASSIGN(const std::vector<std::string> old, repo::list_keys(ctx, *impl.storage, "index/"));
  for (const std::string& key : old) {
    segment.supersedes.push_back(*base::array_from_hex<32>(key.substr(key.rfind('/') + 1)));
  }
  for (const char* prefix : {"data/", "meta/"}) {
    DRKIT_ASSIGN(const std::vector<std::string> packs, repo::list_keys(ctx, *impl.storage, prefix));
    for (const std::string& key : packs) {
      DRKIT_ASSIGN(const ObjectInfo object, impl.storage->stat(ctx, key));
      DRKIT_ASSIGN(format::PackInfo info, repo::read_pack_info(ctx, impl, key, object.size_bytes));
      info.condemned = info.type == format::PackType::data;
      segment.packs.push_back(std::move(info));
    }
  }
  DRKIT_TRY(repo::put_index(ctx, impl, segment));
  return {};
}

}  // namespace drkit::golden
