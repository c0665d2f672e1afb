#include "repo/wal_tail.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "repo/wal_names.hpp"
#include "repo/wal_store.hpp"

namespace drkit {
namespace repo {
namespace {

struct Part {
  WalName name;
  ByteView object;
  format::Digest id;
};

/// The pieces of a tail that follow each other from its start.
struct Parts {
  Bytes bytes;
  std::vector<Part> list;  ///< views into bytes
  std::uint64_t end = 0;   ///< of the log
  std::uint64_t stored_bytes = 0;
  std::string problem;  ///< why the log behind them cannot be read, though there is more; empty: there is none
};

// What is no piece of this place does not open as one, and neither does anything behind it.
void take_pieces(const Repository::Impl& impl, const WalName& tail, const format::WalTailPieces& found, Parts& parts) {
  for (const format::WalTailPiece& piece : found.pieces) {
    const WalName name{WalKind::piece, tail.system_id, tail.timeline, parts.end, parts.end + piece.plain_bytes};
    const auto header = check_wal_object(impl, name, piece.object);
    if (!header || header->plain_bytes != piece.plain_bytes) {
      parts.problem = "a piece in it is of something else";
      return;
    }
    parts.list.push_back({name, piece.object, header->id});
    parts.end = name.end;
    parts.stored_bytes = static_cast<std::uint64_t>(piece.object.data() + piece.object.size() - parts.bytes.data());
  }
  if (found.more_after) parts.problem = "a piece in the middle of it is damaged";
}

// Without a key nobody can tell a crash of the writer from damage of the last piece: it is told, and no error.
void tell(const Context& ctx, const Parts& parts, bool clean_end, const std::string& key) {
  if (!parts.problem.empty()) {
    return ctx.write_log(LogLevel::error, "log that was stored cannot be read, " + parts.problem + ": " + key);
  }
  if (clean_end) return;
  ctx.write_log(LogLevel::warning,
                "what follows the last whole piece was cut off while it was added, or is damaged: " + key);
}

Result<Parts> load(const Context& ctx, Repository::Impl& impl, const WalName& tail, const std::string& key) {
  Parts parts;
  parts.end = tail.start;
  auto read = read_tail(ctx, *impl.storage, key);
  if (!read && read.error().code() != ErrorCode::corrupt) return std::move(read).error();
  if (!read) parts.problem = read.error().message();
  if (read) {
    parts.bytes = std::move(read->bytes);
    take_pieces(impl, tail, read->found, parts);
  }
  tell(ctx, parts, !read || read->found.clean_end, key);
  return parts;
}

// The parts that make up the piece. It ended where one of them does when somebody looked; there may be more by now.
Result<Parts> load_piece(const Context& ctx, Repository::Impl& impl, const WalName& piece) {
  const WalName tail = tail_name(piece.system_id, piece.timeline, piece.start);
  DRKIT_ASSIGN(const std::string key, wal_key(impl, tail));
  DRKIT_ASSIGN(Parts parts, load(ctx, impl, tail, key));
  const auto last =
      std::find_if(parts.list.begin(), parts.list.end(), [&](const Part& part) { return part.name.end == piece.end; });
  if (last == parts.list.end()) {
    if (!parts.problem.empty()) return format::corrupt("wal tail", parts.problem).with("key", key);
    return Error(ErrorCode::not_found, "the stored log ends before this piece does").with("key", key);
  }
  parts.list.erase(last + 1, parts.list.end());
  return parts;
}

bool are_within(const Repository::Impl& impl, const Parts& parts, std::uint64_t start, ByteView bytes) {
  return std::all_of(parts.list.begin(), parts.list.end(), [&](const Part& part) {
    const auto from = static_cast<std::size_t>(part.name.start - start);
    const auto count = static_cast<std::size_t>(part.name.end - part.name.start);
    return from + count <= bytes.size() && part.id == wal_id(impl, bytes.subspan(from, count));
  });
}

class GrowingTail final : public WalTail {
 public:
  GrowingTail(Repository repository, const WalName& tail, std::unique_ptr<GrowingObject> object)
      : repository_(std::move(repository)),
        next_{WalKind::piece, tail.system_id, tail.timeline, 0, tail.start},
        object_(std::move(object)) {}

  Result<void> append(const Context& ctx, ByteView bytes) override {
    const Repository::Impl& impl = *repository_.impl();
    if (std::exchange(failed_, true)) return Error(ErrorCode::precondition_failed, "nothing follows what failed");
    next_.start = next_.end;
    next_.end += bytes.size();
    DRKIT_TRY(format::decode_wal_name(format::encode_wal_name(next_)));
    DRKIT_ASSIGN(const Bytes object, sealer_.seal(ctx, impl, next_, bytes, {}));
    Bytes added = is_new_ ? format::encode_wal_tail_head() : Bytes();
    const Bytes lead = format::encode_wal_tail_lead(bytes.size(), object.size());
    added.reserve(added.size() + lead.size() + object.size());
    added.insert(added.end(), lead.begin(), lead.end());
    added.insert(added.end(), object.begin(), object.end());
    DRKIT_TRY(object_->append(ctx, added));
    is_new_ = failed_ = false;
    heads_bytes_ += added.size() - bytes.size();
    return {};
  }
  bool is_full() const override { return heads_bytes_ >= format::kMostWalTailHeads; }

 private:
  const Repository repository_;
  WalName next_;
  const std::unique_ptr<GrowingObject> object_;
  // A commit waits for this, and the segment, which is compressed, takes its place soon.
  WalSealer sealer_{0};
  std::uint64_t heads_bytes_ = 0;
  bool is_new_ = true;
  bool failed_ = false;
};

}  // namespace

WalName tail_name(std::uint64_t system_id, std::uint32_t timeline, std::uint64_t start) {
  return {WalKind::tail, system_id, timeline, start, format::kTailEnd};
}

Result<TailBytes> read_tail(const Context& ctx, Storage& storage, const std::string& key) {
  TailBytes tail;
  for (std::optional<std::size_t> end;;) {
    DRKIT_ASSIGN(tail.bytes, storage.get(ctx, key, {0, format::kMaxWalTailBytes}));
    auto found = format::decode_wal_tail(tail.bytes);
    const std::size_t reached = found ? found->end : 0;
    if ((found && found->clean_end) || end == reached) {
      if (!found) return std::move(found).error().with("key", key);
      tail.found = std::move(*found);
      return tail;
    }
    end = reached;
  }
}

Result<TailExtent> look_at_tail(const Context& ctx, Repository::Impl& impl, const WalName& tail,
                                const std::string& key) {
  DRKIT_ASSIGN(const Parts parts, load(ctx, impl, tail, key));
  const WalName piece{WalKind::piece, tail.system_id, tail.timeline, tail.start, parts.end};
  return TailExtent{piece, parts.stored_bytes, !parts.problem.empty()};
}

Result<Bytes> get_from_tail(const Context& ctx, Repository::Impl& impl, const WalName& piece) {
  DRKIT_ASSIGN(const Parts parts, load_piece(ctx, impl, piece));
  Bytes bytes;
  bytes.reserve(static_cast<std::size_t>(piece.end - piece.start));
  for (const Part& part : parts.list) {
    DRKIT_ASSIGN(const Bytes plain, open_wal_object(impl, part.name, part.object));
    bytes.insert(bytes.end(), plain.begin(), plain.end());
  }
  return bytes;
}

Result<bool> same_in_tail(const Context& ctx, Repository::Impl& impl, const WalName& piece, ByteView bytes) {
  DRKIT_ASSIGN(const Parts parts, load_piece(ctx, impl, piece));
  return bytes.size() == piece.end - piece.start && are_within(impl, parts, piece.start, bytes);
}

}  // namespace repo

Result<std::unique_ptr<WalTail>> WalArchive::begin_tail(const Context& ctx, std::uint64_t system_id,
                                                        std::uint32_t timeline, std::uint64_t start) const {
  Repository::Impl& impl = *repository_.impl();
  DRKIT_TRY(repo::require_known(impl.features.write, "archiving log"));
  const WalName tail = repo::tail_name(system_id, timeline, start);
  DRKIT_ASSIGN(const std::string key, repo::wal_key(impl, tail));
  DRKIT_ASSIGN(auto object, impl.storage->grow(ctx, key));
  return std::unique_ptr<WalTail>(std::make_unique<repo::GrowingTail>(repository_, tail, std::move(object)));
}

Result<bool> WalArchive::is_tail_within(const Context& ctx, std::uint64_t system_id, std::uint32_t timeline,
                                        std::uint64_t start, ByteView log) const {
  Repository::Impl& impl = *repository_.impl();
  const WalName tail = repo::tail_name(system_id, timeline, start);
  DRKIT_ASSIGN(const std::string key, repo::wal_key(impl, tail));
  const auto parts = repo::load(ctx, impl, tail, key);
  if (parts) return repo::are_within(impl, *parts, start, log);
  return parts.error().code() == ErrorCode::not_found ? Result<bool>(true) : parts.error();
}

Result<void> WalArchive::remove_tail(const Context& ctx, std::uint64_t system_id, std::uint32_t timeline,
                                     std::uint64_t start) const {
  Repository::Impl& impl = *repository_.impl();
  DRKIT_TRY(repo::require_known(impl.features.remove, "removing tails of log"));
  DRKIT_ASSIGN(const std::string key, repo::wal_key(impl, repo::tail_name(system_id, timeline, start)));
  return impl.storage->remove(ctx, key);
}

}  // namespace drkit
