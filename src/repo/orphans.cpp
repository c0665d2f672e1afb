#include "repo/orphans.hpp"

#include <utility>

#include "repo/layout.hpp"

namespace drkit::repo {

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
  std::vector<format::PackInfo> packs;
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
    packs.push_back(std::move(*pack));
    if (chunks < kIndexChunks) continue;
    DRKIT_TRY(impl.list_packs(ctx, *index, std::exchange(packs, {})));
    chunks = 0;
  }
  if (!packs.empty()) DRKIT_TRY(impl.list_packs(ctx, *index, packs));
  return {};
}

}  // namespace drkit::repo
