// What leads to something that is not there: index to packs, snapshots to chunks. Reads no data.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "engine/finding_list.hpp"
#include "repo/layout.hpp"
#include "repo/manifest_reader.hpp"
#include "repo/snapshots.hpp"

namespace drkit::engine {
namespace {

/// What a snapshot, or a leaf of its manifest, needs in vain.
struct Lack {
  std::set<std::uint32_t> packs;
  std::uint64_t lost = 0;      ///< chunks that are in no pack
  std::uint64_t unlisted = 0;  ///< chunks in packs that no index object lists
  std::string first_path;      ///< of a file with lost chunks

  bool empty() const { return packs.empty() && lost == 0 && unlisted == 0; }
  void add(const Lack& other) {
    packs.insert(other.packs.begin(), other.packs.end());
    if (lost == 0) first_path = other.first_path;
    lost += other.lost;
    unlisted += other.unlisted;
  }
};

struct ChunkIdHash {
  std::size_t operator()(const format::ChunkId& id) const {
    return std::hash<std::string_view>()(as_text(ByteView(id)));
  }
};

class ReferenceCheck {
 public:
  ReferenceCheck(const Context& ctx, const Repository& repository, FindingList& findings)
      : ctx_(ctx), impl_(repository.impl()), findings_(findings) {}

  Result<CheckRun> run(const std::vector<Snapshot>& snapshots) {
    const auto began = ctx_.clock->steady();
    DRKIT_ASSIGN(chunks_, repo::ChunkReader::open(ctx_, impl_));
    packs_ = chunks_->index().packs();
    DRKIT_TRY(compare_with_listing());
    for (const Snapshot& snapshot : snapshots) DRKIT_TRY(look_at(snapshot));
    report_missing();
    const std::string detail =
        std::to_string(lost_.size()) + " packs missing, " + std::to_string(unlisted_) + " unlisted" +
        (snapshots.empty() ? "" : "; manifests of " + std::to_string(snapshots.size()) + " snapshots read");
    return CheckRun{"references", (ctx_.clock->steady() - began).count(), packs_.size(), detail};
  }

 private:
  // Listed after the index was read: what a backup adds meanwhile is there before it is listed.
  Result<void> compare_with_listing() {
    std::vector<format::Digest> there;
    std::vector<std::string> unlisted;
    for (const std::string_view prefix : {repo::kDataPrefix, repo::kMetaPrefix}) {
      DRKIT_TRY(impl_->storage->list(ctx_, prefix, [&](const ObjectInfo& info) {
        const auto name = base::array_from_hex<32>(repo::object_name(info.key));
        if (!name) return true;
        there.push_back(*name);
        if (!chunks_->index().number_of(*name)) unlisted.push_back(info.key);
        return true;
      }));
    }
    std::sort(there.begin(), there.end());
    missing_.resize(packs_.size(), false);
    DRKIT_ASSIGN(const std::shared_ptr<repo::Index> now, impl_->index(ctx_, true));
    for (std::size_t i = 0; i < packs_.size(); ++i) {
      if (std::binary_search(there.begin(), there.end(), packs_[i].name)) continue;
      // Whether or not that is damage, nothing can be read from it.
      missing_[i] = true;
      DRKIT_ASSIGN(const bool lost, is_lost(packs_[i], *now));
      if (lost) lost_.insert(static_cast<std::uint32_t>(i));
    }
    for (const std::string& key : unlisted) report_unlisted(key, *now);
    return {};
  }

  // A prune may have removed it since the index was read, and one that was cut short has removed what it had condemned.
  Result<bool> is_lost(const repo::PackRef& pack, const repo::Index& now) {
    DRKIT_TRY(ctx_.check_cancelled());
    if (pack.condemned || !pack.listed) return false;
    const auto number = now.number_of(pack.name);
    if (!number) return false;
    DRKIT_ASSIGN(const repo::PackRef today, now.pack(*number));
    if (today.condemned) return false;
    const auto found = impl_->storage->stat(ctx_, repo::pack_key(pack.type, pack.name));
    if (found || found.error().code() == ErrorCode::not_found) return !found.ok();
    return found.error();
  }

  void report_unlisted(const std::string& key, const repo::Index& now) {
    const auto name = base::array_from_hex<32>(repo::object_name(key));
    if (!name || now.number_of(*name)) return;
    ++unlisted_;
    findings_.add({Severity::note, "pack_unlisted", key,
                   "no index object lists it: left by a backup that did not finish or still runs, or the index object "
                   "that listed it is gone; the next backup lists it again"});
  }

  Result<void> look_at(const Snapshot& snapshot) {
    auto loaded = repo::load_snapshot(ctx_, *impl_, snapshot.id);
    if (!loaded) return as_finding(loaded.error(), snapshot);
    if (!*loaded || !(*loaded)->manifest) return {};
    Lack lack;
    const auto walked = walk(repo::ManifestReader(chunks_, *(*loaded)->manifest), lack);
    if (!walked) DRKIT_TRY(as_finding(walked.error(), snapshot));
    for (const std::uint32_t pack : lack.packs) needed_by_[pack].push_back(snapshot.id);
    report(lack, snapshot);
    return {};
  }

  void report(const Lack& lack, const Snapshot& snapshot) {
    if (lack.lost > 0) {
      findings_.add({Severity::damage,
                     "chunks_missing",
                     snapshot.id,
                     std::to_string(lack.lost) + " chunks are in no pack, the first of them of " + lack.first_path,
                     {snapshot.id}});
    }
    if (lack.unlisted == 0) return;
    findings_.add(
        {Severity::damage,
         "chunks_unlisted",
         snapshot.id,
         "no index object lists " + std::to_string(lack.unlisted) +
             " chunks that it needs: an index object is lost; they are in packs that are there, which restores "
             "read and the next backup lists again",
         {snapshot.id}});
  }

  // Snapshots share most of their leaves: each is read once.
  Result<void> walk(repo::ManifestReader manifest, Lack& lack) {
    std::optional<format::ChunkId> leaf;
    Lack of_leaf;
    const auto close_leaf = [&] {
      if (leaf) leaves_.emplace(*leaf, of_leaf.empty() ? nullptr : std::make_shared<const Lack>(of_leaf));
      lack.add(of_leaf);
      of_leaf = {};
      leaf.reset();
    };
    manifest.skip_leaves([&](const format::ChunkId& id) {
      const auto known = leaves_.find(id);
      if (known == leaves_.end()) return false;
      if (known->second) lack.add(*known->second);
      return true;
    });
    while (true) {
      DRKIT_ASSIGN(const std::optional<format::ChunkId> next_leaf, manifest.at_leaf(ctx_));
      if (next_leaf) {
        close_leaf();
        leaf = next_leaf;
        DRKIT_ASSIGN(const bool listed, is_listed(format::PackType::meta, *next_leaf));
        if (!listed) ++of_leaf.unlisted;
      }
      DRKIT_ASSIGN(const std::optional<format::Record> record, manifest.next(ctx_));
      if (!record) break;
      DRKIT_TRY(look_at(*record, of_leaf));
    }
    close_leaf();
    return {};
  }

  Result<void> look_at(const format::Record& record, Lack& lack) {
    const bool first = lack.lost == 0;
    DRKIT_TRY(repo::visit_extents(ctx_, *chunks_, record,
                                  [&](std::uint64_t, const format::Extent& extent) { return look_at(extent, lack); }));
    if (first && lack.lost > 0) lack.first_path = record.entry.path;
    return {};
  }

  Result<void> look_at(const format::Extent& extent, Lack& lack) {
    DRKIT_ASSIGN(const std::vector<repo::Location> copies, chunks_->index().find(format::PackType::data, extent.chunk));
    const auto is_good = [this](const repo::Location& copy) { return listed(copy) && !missing(copy); };
    if (std::any_of(copies.begin(), copies.end(), is_good)) return {};
    const auto is_there = [this](const repo::Location& copy) { return !missing(copy); };
    if (std::any_of(copies.begin(), copies.end(), is_there)) {
      ++lack.unlisted;
      return {};
    }
    if (copies.empty()) {
      // Also reads what packs that no index object lists say of themselves.
      const auto found = chunks_->locate(ctx_, extent.chunk);
      if (!found && found.error().code() != ErrorCode::corrupt) return found.error();
      ++(found ? lack.unlisted : lack.lost);
    }
    for (const repo::Location& copy : copies) lack.packs.insert(copy.pack);
    return {};
  }

  Result<bool> is_listed(format::PackType type, const format::ChunkId& id) {
    DRKIT_ASSIGN(const std::vector<repo::Location> copies, chunks_->index().find(type, id));
    return std::any_of(copies.begin(), copies.end(), [this](const repo::Location& copy) { return listed(copy); });
  }

  // Packs that came to the index since are there, and came because none lists them.
  bool listed(const repo::Location& copy) const { return copy.pack < packs_.size() && packs_[copy.pack].listed; }
  bool missing(const repo::Location& copy) const { return copy.pack < missing_.size() && missing_[copy.pack]; }

  void report_missing() {
    for (const auto& [pack, snapshots] : needed_by_) lost_.insert(pack);
    for (const std::uint32_t pack : lost_) {
      const repo::PackRef& ref = packs_[pack];
      findings_.add({Severity::damage, "pack_missing", repo::pack_key(ref.type, ref.name),
                     "is not there, though the index lists it", std::move(needed_by_[pack])});
    }
  }

  Result<void> as_finding(const Error& error, const Snapshot& snapshot) {
    if (error.code() != ErrorCode::corrupt && error.code() != ErrorCode::not_found) return error;
    findings_.add({Severity::damage, "snapshot_damaged", snapshot.id, error.to_string()}, snapshot.id);
    return {};
  }

  const Context& ctx_;
  std::shared_ptr<Repository::Impl> impl_;
  FindingList& findings_;
  std::shared_ptr<repo::ChunkReader> chunks_;
  std::vector<repo::PackRef> packs_;  ///< of the index, by their numbers
  std::vector<bool> missing_;         ///< by the same numbers
  std::set<std::uint32_t> lost_;      ///< those of them that should be there
  std::uint64_t unlisted_ = 0;
  std::map<std::uint32_t, std::vector<std::string>> needed_by_;
  std::unordered_map<format::ChunkId, std::shared_ptr<const Lack>, ChunkIdHash> leaves_;  ///< null: lacks nothing
};

}  // namespace

Result<CheckRun> run_reference_check(const Context& ctx, const Repository& repository,
                                     const std::vector<Snapshot>& snapshots, FindingList& findings) {
  return ReferenceCheck(ctx, repository, findings).run(snapshots);
}

}  // namespace drkit::engine
