// The public face of the log's objects.
#include <algorithm>
#include <iterator>
#include <tuple>

#include "repo/layout.hpp"
#include "repo/wal_names.hpp"
#include "repo/wal_store.hpp"
#include "repo/wal_tail.hpp"

namespace drkit {
namespace {

// The log is written once and read when things went wrong: the fastest level that still halves it.
constexpr int kLevel = 1;
// Enough for every header without restore points.
constexpr std::size_t kHeadBytes = 1024;

Error at_key(Error error, const std::string& key) {
  for (const auto& item : error.context()) {
    if (item.first == "key") return error;
  }
  return std::move(error).with("key", key);
}

Result<format::WalHeader> load_header(const Context& ctx, Repository::Impl& impl, const WalName& name,
                                      const std::string& key) {
  std::size_t wanted = kHeadBytes;
  for (int round = 0; round < 2; ++round) {
    DRKIT_ASSIGN(const Bytes first, impl.storage->get(ctx, key, {0, wanted}));
    auto head = format::decode_wal_head(first);
    if (!head) return at_key(std::move(head).error(), key);
    if (!head->sealed_header.empty()) {
      auto header = repo::open_wal_header(impl, name, head->sealed_header);
      if (!header) return at_key(std::move(header).error(), key);
      return header;
    }
    wanted = head->wanted;
  }
  return at_key(format::corrupt("wal object", "is cut short"), key);
}

Result<Bytes> get_whole(const Context& ctx, Repository::Impl& impl, const std::string& key) {
  DRKIT_ASSIGN(Bytes object, impl.storage->get(ctx, key, {0, format::kMaxWalObjectBytes + 1}));
  if (object.size() <= format::kMaxWalObjectBytes) return object;
  return at_key(format::corrupt("wal object", "is larger than its kind allows"), key);
}

bool may_be_in_tail(const WalName& name, const Result<Bytes>& stored) {
  return name.kind == WalKind::piece && !stored && stored.error().code() == ErrorCode::not_found;
}

auto order_of(const WalName& name) {
  return std::tuple(name.system_id, name.timeline, name.start, name.end, name.kind);
}

// One that is damaged shows as a tail, too, from where nothing can be read.
Result<void> show_tails_as_pieces(const Context& ctx, Repository::Impl& impl, std::vector<WalObject>& objects) {
  std::vector<WalObject> tails;
  const auto first = std::stable_partition(objects.begin(), objects.end(),
                                           [](const WalObject& each) { return each.name.kind != WalKind::tail; });
  std::move(first, objects.end(), std::back_inserter(tails));
  objects.erase(first, objects.end());
  for (WalObject& tail : tails) {
    const auto extent = repo::look_at_tail(ctx, impl, tail.name, tail.key);
    // Its segment took its place since it was listed.
    if (!extent && extent.error().code() == ErrorCode::not_found) continue;
    DRKIT_TRY(extent);
    const WalName& piece = extent->piece;
    if (piece.end > piece.start) objects.push_back({piece, extent->stored_bytes, tail.modified_ns, tail.key, false});
    if (!extent->damaged) continue;
    tail.name.start = piece.end;
    tail.damaged = true;
    objects.push_back(std::move(tail));
  }
  return {};
}

// Names that do not open are other programs' or damage; they say nothing about the log and hide nothing of it.
Result<std::vector<WalObject>> list_below(const Context& ctx, Repository::Impl& impl, const std::string& prefix) {
  std::vector<WalObject> objects;
  DRKIT_TRY(impl.storage->list(ctx, prefix, [&](const ObjectInfo& info) {
    objects.push_back({{}, info.size_bytes, info.modified_ns, info.key, info.size_bytes < format::kMinWalObjectBytes});
    return true;
  }));
  std::size_t unknown = 0;
  for (WalObject& object : objects) {
    const auto name = repo::parse_wal_key(impl, object.key);
    if (name) object.name = *name;
    if (!name) ++unknown, object.key.clear();
  }
  std::erase_if(objects, [](const WalObject& object) { return object.key.empty(); });
  DRKIT_TRY(show_tails_as_pieces(ctx, impl, objects));
  if (unknown > 0) {
    ctx.write_log(LogLevel::warning, std::to_string(unknown) + " objects below wal/ have names of somebody else");
  }
  std::sort(objects.begin(), objects.end(),
            [](const WalObject& a, const WalObject& b) { return order_of(a.name) < order_of(b.name); });
  return objects;
}

}  // namespace

std::string_view wal_kind_name(WalKind kind) {
  constexpr std::string_view kNames[] = {"unknown", "segment", "partial", "piece", "history", "label", "gap", "tail"};
  const auto at = static_cast<std::size_t>(kind);
  return kNames[at < std::size(kNames) ? at : 0];
}

Result<WalPut> WalArchive::put(const Context& ctx, const WalName& name, ByteView bytes, const WalFacts& facts) const {
  Repository::Impl& impl = *repository_.impl();
  DRKIT_TRY(repo::require_known(impl.features.write, "archiving log"));
  DRKIT_TRY(format::decode_wal_name(format::encode_wal_name(name)));
  DRKIT_ASSIGN(const std::string key, repo::wal_key(impl, name));
  DRKIT_ASSIGN(const Bytes object, repo::WalSealer(kLevel).seal(ctx, impl, name, bytes, facts));
  const auto put = impl.storage->put(ctx, key, object, {.if_absent = true});
  if (put) return WalPut::stored;
  if (put.error().code() != ErrorCode::already_exists) return put.error();
  DRKIT_ASSIGN(const bool equal, same(ctx, name, bytes));
  if (equal) return WalPut::was_there;
  return Error(ErrorCode::already_exists, "the repository holds other bytes under this name; they are kept")
      .with("key", key);
}

Result<Bytes> WalArchive::get(const Context& ctx, const WalName& name) const {
  Repository::Impl& impl = *repository_.impl();
  DRKIT_ASSIGN(const std::string key, repo::wal_key(impl, name));
  auto stored = get_whole(ctx, impl, key);
  if (may_be_in_tail(name, stored)) return repo::get_from_tail(ctx, impl, name);
  DRKIT_ASSIGN(const Bytes object, std::move(stored));
  auto plain = repo::open_wal_object(impl, name, object);
  if (!plain) return at_key(std::move(plain).error(), key);
  return plain;
}

Result<WalFacts> WalArchive::facts(const Context& ctx, const WalName& name) const {
  DRKIT_ASSIGN(const std::string key, repo::wal_key(*repository_.impl(), name));
  DRKIT_ASSIGN(format::WalHeader header, load_header(ctx, *repository_.impl(), name, key));
  return std::move(header.facts);
}

Result<bool> WalArchive::same(const Context& ctx, const WalName& name, ByteView bytes) const {
  Repository::Impl& impl = *repository_.impl();
  DRKIT_ASSIGN(const std::string key, repo::wal_key(impl, name));
  auto stored = get_whole(ctx, impl, key);
  if (may_be_in_tail(name, stored)) return repo::same_in_tail(ctx, impl, name, bytes);
  DRKIT_ASSIGN(const Bytes object, std::move(stored));
  // Whole, though the header would do: bytes that were damaged since must not pass for stored.
  const auto header = repo::check_wal_object(impl, name, object);
  if (!header) return at_key(header.error(), key);
  return header->plain_bytes == bytes.size() && header->id == repo::wal_id(impl, bytes);
}

Result<std::vector<WalObject>> WalArchive::list(const Context& ctx, std::optional<std::uint64_t> system_id) const {
  Repository::Impl& impl = *repository_.impl();
  return list_below(ctx, impl, system_id ? repo::wal_cluster_prefix(impl, *system_id) : std::string(repo::kWalPrefix));
}

Result<std::vector<WalObject>> WalArchive::list_near(const Context& ctx, std::uint64_t system_id,
                                                     std::uint32_t timeline, std::uint64_t lsn) const {
  Repository::Impl& impl = *repository_.impl();
  return list_below(ctx, impl, repo::wal_group_prefix(impl, system_id, timeline, lsn));
}

Result<std::vector<WalObject>> WalArchive::list_notes(const Context& ctx, std::uint64_t system_id) const {
  Repository::Impl& impl = *repository_.impl();
  return list_below(ctx, impl, repo::wal_notes_prefix(impl, system_id));
}

Result<void> WalArchive::remove_piece(const Context& ctx, const WalName& name) const {
  if (name.kind != WalKind::piece) return Error(ErrorCode::invalid_argument, "only pieces are ever removed");
  DRKIT_TRY(repo::require_known(repository_.impl()->features.remove, "removing pieces of log"));
  DRKIT_ASSIGN(const std::string key, repo::wal_key(*repository_.impl(), name));
  return repository_.impl()->storage->remove(ctx, key);
}

}  // namespace drkit
