#include "storage/mirror/healer.hpp"

#include <algorithm>

#include "base/hex.hpp"
#include "crypto/sha256.hpp"
#include "storage/digest_key.hpp"
#include "storage/key.hpp"

namespace drkit::storage::mirror {
namespace {

bool unreadable(const Error& error) {
  return error.code() == ErrorCode::not_found || error.code() == ErrorCode::corrupt || error.code() == ErrorCode::io;
}

struct Candidate {
  Bytes bytes;
  std::size_t votes = 1;
};

void vote(std::vector<Candidate>& candidates, Bytes bytes) {
  for (Candidate& one : candidates) {
    if (one.bytes != bytes) continue;
    ++one.votes;
    return;
  }
  candidates.push_back({std::move(bytes)});
}

}  // namespace

bool proves_itself(std::string_view key, ByteView bytes) {
  if (const std::string_view promised = digest_in(key); !promised.empty()) {
    return base::to_hex(crypto::sha256(bytes)) == promised;
  }
  constexpr std::size_t kDigestBytes = 32;
  if (bytes.size() <= kDigestBytes) return false;
  const auto digest = crypto::sha256(bytes.first(bytes.size() - kDigestBytes));
  return std::equal(digest.begin(), digest.end(), bytes.end() - static_cast<std::ptrdiff_t>(kDigestBytes));
}

bool disproved(std::string_view key, ByteView bytes) { return !digest_in(key).empty() && !proves_itself(key, bytes); }

Result<std::optional<std::uint64_t>> Healer::heal(const Context& ctx, const Gap& gap) const {
  Storage& copy = *copies_[gap.shown.copy];
  if (gap.kind == GapKind::away) return Error(ErrorCode::unavailable, gap.shown.reason);
  if (gap.kind == GapKind::leftover) {
    DRKIT_TRY(copy.remove(ctx, gap.shown.key));
    return std::optional<std::uint64_t>();
  }
  auto got = copy.get(ctx, gap.shown.key, {});
  std::optional<Bytes> there;
  if (got) there = std::move(*got);
  // Bytes that cannot be read are as good as none; a copy that cannot be asked is not.
  if (!got && !unreadable(got.error())) return std::move(got).error();
  const bool right = there && gap.kind != GapKind::outdated && proves_itself(gap.shown.key, *there);
  if (right) return keep_right(ctx, gap, *there);
  return bring(ctx, gap, there);
}

Result<std::optional<std::uint64_t>> Healer::keep_right(const Context& ctx, const Gap& gap, ByteView there) const {
  const std::string& key = gap.shown.key;
  if (!digest_in(key).empty()) return std::optional<std::uint64_t>();
  // Two may be whole and yet not the same object.
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    if (i == gap.shown.copy || gaps_.has(key, i, GapKind::outdated)) continue;
    const auto other = copies_[i]->get(ctx, key, {});
    if (!other || !proves_itself(key, *other) || std::equal(other->begin(), other->end(), there.begin(), there.end())) {
      continue;
    }
    return key_error(ErrorCode::corrupt, "the copies differ, and both are whole", key);
  }
  return std::optional<std::uint64_t>();
}

Result<std::optional<std::uint64_t>> Healer::bring(const Context& ctx, const Gap& gap,
                                                   const std::optional<Bytes>& there) const {
  DRKIT_ASSIGN(const Bytes bytes, right_bytes(ctx, gap, there));
  if (there && *there == bytes) return std::optional<std::uint64_t>();
  const PutOptions options{.if_absent = gap.kind == GapKind::missing && !there};
  DRKIT_TRY(copies_[gap.shown.copy]->put(ctx, gap.shown.key, bytes, options));
  return std::optional<std::uint64_t>(bytes.size());
}

Result<Bytes> Healer::right_bytes(const Context& ctx, const Gap& gap, const std::optional<Bytes>& there) const {
  const std::string& key = gap.shown.key;
  std::optional<Error> why;
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    if (i == gap.shown.copy || gaps_.has(key, i, GapKind::outdated)) continue;
    auto other = copies_[i]->get(ctx, key, {});
    if (other && proves_itself(key, *other)) return other;
    if (other && !disproved(key, *other)) vote(candidates, std::move(*other));
    if (!other && (!why || why->code() == ErrorCode::not_found)) why = std::move(other).error();
  }
  const auto best = std::max_element(candidates.begin(), candidates.end(),
                                     [](const Candidate& a, const Candidate& b) { return a.votes < b.votes; });
  if (best == candidates.end()) {
    if (why && why->code() != ErrorCode::not_found) return std::move(*why);
    return key_error(ErrorCode::not_found, "no other copy has it whole", key);
  }
  if (!there || gap.kind == GapKind::outdated) return std::move(best->bytes);
  const auto same =
      std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& one) { return one.bytes == *there; });
  const std::size_t votes_there = 1 + (same == candidates.end() ? 0 : same->votes);
  if (same == best || votes_there > best->votes) return *there;
  if (votes_there < best->votes) return std::move(best->bytes);
  return key_error(ErrorCode::corrupt, "the copies differ, and none proves to be the right one", key);
}

}  // namespace drkit::storage::mirror
