#include "repo/orphans.hpp"

#include <utility>

#include "repo/layout.hpp"

namespace drkit::repo {

namespace {

// Listed in the storage first: nobody may count on a chunk that no index object lists.
Result<void> adopt(const Context& ctx, Repository::Impl& impl, Index& index, const format::IndexSegment& segment) {
  if (segment.packs.empty()) return {};
  DRKIT_TRY(put_index(ctx, impl, segment));
  for (const format::PackInfo& pack : segment.packs) DRKIT_TRY(index.add(pack));
  return {};
}

}  // namespace

Result<void> adopt_orphans(const Context& ctx, Repository::Impl& impl) {
  DRKIT_ASSIGN(const std::shared_ptr<Index> index, impl.index(ctx, true));
  std::vector<ObjectInfo> unknown;
  for (const std::string_view prefix : {kDataPrefix, kMetaPrefix}) {
    DRKIT_TRY(impl.storage->list(ctx, prefix, [&](const ObjectInfo& info) {
      const auto name = base::array_from_hex<32>(object_name(info.key));
      if (name && !index->knows_pack(*name)) unknown.push_back(info);
      return true;
    }));
  }
  format::IndexSegment segment;
  std::size_t chunks = 0;
  for (const ObjectInfo& info : unknown) {
    DRKIT_TRY(ctx.check_cancelled());
    auto pack = read_pack_info(ctx, impl, info.key, info.size_bytes);
    const ErrorCode code = pack ? ErrorCode::ok : pack.error().code();
    const bool unusable =
        code == ErrorCode::corrupt || code == ErrorCode::not_found || code == ErrorCode::version_unsupported;
    if (!pack && !unusable) return std::move(pack).error();
    if (!pack) {
      ctx.write_log(LogLevel::warning, "unlisted pack left alone: " + pack.error().to_string());
      continue;
    }
    for (const format::FrameEntry& frame : pack->directory) chunks += frame.chunks.size();
    segment.packs.push_back(std::move(*pack));
    if (chunks < kIndexChunks) continue;
    DRKIT_TRY(adopt(ctx, impl, *index, std::exchange(segment, {})));
    chunks = 0;
  }
  return adopt(ctx, impl, *index, std::move(segment));
}

}  // namespace drkit::repo
