#include "repo/stock.hpp"

#include <algorithm>
#include <utility>

#include "crypto/sha256.hpp"
#include "repo/layout.hpp"

namespace drkit::repo {
namespace {

constexpr std::uint64_t kReadBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kNamedPacks = 10;

struct Orphan {
  format::Digest name{};
  format::PackType type = format::PackType::data;
  std::uint32_t size_bytes = 0;
};

/// One comparison of index and storage.
class Stock {
 public:
  Stock(const Context& ctx, Repository::Impl& impl, std::shared_ptr<Index> index)
      : ctx_(ctx), impl_(impl), index_(std::move(index)), seen_(static_cast<std::size_t>(index_->pack_count())) {}

  Result<void> run() {
    for (const format::PackType type : {format::PackType::data, format::PackType::meta}) {
      const std::string_view prefix = type == format::PackType::data ? kDataPrefix : kMetaPrefix;
      DRKIT_TRY(impl_.storage->list(ctx_, prefix, [&](const ObjectInfo& info) {
        look_at(type, info);
        return true;
      }));
    }
    DRKIT_TRY(mark_missing());
    return adopt();
  }

 private:
  void look_at(format::PackType type, const ObjectInfo& info) {
    const auto name = base::array_from_hex<32>(object_name(info.key));
    if (!name || info.key != pack_key(type, *name)) return;
    const auto number = index_->number_of(*name);
    if (!number) {
      if (info.size_bytes <= format::kMaxPackBytes) {
        orphans_.push_back({*name, type, static_cast<std::uint32_t>(info.size_bytes)});
      }
      return;
    }
    // Packs that were listed by the index since this began are there, or their writer would not have listed them.
    const auto known = *number < seen_.size() ? index_->pack(*number) : Error(ErrorCode::not_found, "listed since");
    if (known && known->type == type && known->size_bytes == info.size_bytes) seen_[*number] = true;
  }

  Result<void> mark_missing() {
    std::uint64_t missing = 0;
    for (std::uint32_t number = 0; number < seen_.size(); ++number) {
      DRKIT_ASSIGN(const PackRef pack, index_->pack(number));
      if (!pack.listed) continue;
      index_->set_present(number, seen_[number]);
      if (seen_[number]) continue;
      // A condemned pack is meant to go.
      if (pack.condemned || ++missing > kNamedPacks) continue;
      ctx_.write_log(LogLevel::warning, pack_key(pack.type, pack.name) +
                                            " is gone or has another size than the index says: what it held is stored "
                                            "again where it is backed up again");
    }
    if (missing > kNamedPacks) {
      ctx_.write_log(LogLevel::warning, std::to_string(missing) + " packs are gone or have another size in all");
    }
    return {};
  }

  Result<void> adopt() {
    // What could not be read may condemn these very packs.
    if (!index_->is_complete()) return {};
    std::vector<format::PackInfo> packs;
    std::size_t chunks = 0;
    for (const Orphan& orphan : orphans_) {
      DRKIT_TRY(ctx_.check_cancelled());
      auto pack = prove(orphan);
      if (!pack && !is_unusable(pack.error())) return std::move(pack).error();
      if (!pack) {
        ctx_.write_log(LogLevel::warning, "unlisted pack left alone: " + pack.error().to_string());
        continue;
      }
      for (const format::FrameEntry& frame : pack->directory) chunks += frame.chunks.size();
      packs.push_back(std::move(*pack));
      if (chunks < kIndexChunks) continue;
      DRKIT_TRY(impl_.list_packs(ctx_, *index_, std::exchange(packs, {})));
      chunks = 0;
    }
    return packs.empty() ? Result<void>() : list(packs);
  }

  Result<void> list(const std::vector<format::PackInfo>& packs) {
    DRKIT_TRY(impl_.list_packs(ctx_, *index_, packs));
    return {};
  }

  // Nobody vouched for the pack: a storage that keeps what was cut off of a put, or that rots, is found out here and
  // not by the restore of what would be built on it. The cheap tests come first.
  Result<format::PackInfo> prove(const Orphan& orphan) {
    const std::string key = pack_key(orphan.type, orphan.name);
    DRKIT_ASSIGN(format::PackInfo pack, read_pack_info(ctx_, impl_, key, orphan.size_bytes));
    crypto::Sha256 hash;
    for (std::uint64_t at = 0; at < orphan.size_bytes; at += kReadBytes) {
      DRKIT_TRY(ctx_.check_cancelled());
      DRKIT_ASSIGN(const Bytes bytes, impl_.storage->get(ctx_, key, {at, kReadBytes}));
      hash.update(bytes);
    }
    if (hash.finish() == orphan.name) return pack;
    return format::corrupt("pack", "the SHA-256 of its bytes is not its name").with("key", key);
  }

  const Context& ctx_;
  Repository::Impl& impl_;
  std::shared_ptr<Index> index_;
  std::vector<bool> seen_;  ///< by number in the index
  std::vector<Orphan> orphans_;
};

}  // namespace

Result<std::shared_ptr<Index>> take_stock(const Context& ctx, Repository::Impl& impl) {
  DRKIT_ASSIGN(std::shared_ptr<Index> index, impl.index(ctx, true));
  DRKIT_TRY(Stock(ctx, impl, index).run());
  return index;
}

}  // namespace drkit::repo
