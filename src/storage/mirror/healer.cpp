#include "storage/mirror/healer.hpp"

#include <algorithm>

#include "storage/digest_key.hpp"
#include "storage/key.hpp"

namespace drkit::storage::mirror {
namespace {

bool unreadable(const Error& error) {
  return error.code() == ErrorCode::not_found || error.code() == ErrorCode::corrupt || error.code() == ErrorCode::io;
}

/// Bytes that some copies have.
struct Candidate {
  crypto::Digest digest;
  std::size_t copy;  ///< one of those that have them
  std::size_t votes = 1;
};

void vote(std::vector<Candidate>& candidates, const crypto::Digest& digest, std::size_t copy) {
  for (Candidate& one : candidates) {
    if (one.digest != digest) continue;
    ++one.votes;
    return;
  }
  candidates.push_back({digest, copy});
}

}  // namespace

Result<std::optional<std::uint64_t>> Healer::heal(const Context& ctx, const Gap& gap) const {
  Storage& copy = *copies_[gap.shown.copy];
  if (gap.kind == GapKind::away) return Error(ErrorCode::unavailable, gap.shown.reason);
  if (gap.kind == GapKind::leftover) {
    DRKIT_TRY(copy.remove(ctx, gap.shown.key));
    return std::optional<std::uint64_t>();
  }
  auto proof = prove(ctx, copy, gap.shown.key);
  // Bytes that cannot be read are as good as none; a copy that cannot be asked is not.
  if (!proof && !unreadable(proof.error())) return std::move(proof).error();
  const std::optional<Proof> there = proof ? std::optional(*proof) : std::nullopt;
  const bool right = there && gap.kind != GapKind::outdated && there->right;
  if (right) return keep_right(ctx, gap, *there);
  return bring(ctx, gap, there);
}

Result<std::optional<std::uint64_t>> Healer::keep_right(const Context& ctx, const Gap& gap, const Proof& there) const {
  const std::string& key = gap.shown.key;
  if (!digest_in(key).empty()) return std::optional<std::uint64_t>();
  // Two may be whole and yet not the same object.
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    if (i == gap.shown.copy || gaps_.has(key, i, GapKind::outdated)) continue;
    const auto other = prove(ctx, *copies_[i], key);
    if (!other || !other->right || other->digest == there.digest) continue;
    return key_error(ErrorCode::corrupt, "the copies differ, and both are whole", key);
  }
  return std::optional<std::uint64_t>();
}

Result<std::optional<std::uint64_t>> Healer::bring(const Context& ctx, const Gap& gap,
                                                   const std::optional<Proof>& there) const {
  base::MappedBytes whole;
  DRKIT_ASSIGN(const crypto::Digest digest, load_right(ctx, gap, there, whole));
  if (there && there->digest == digest) return std::optional<std::uint64_t>();
  const PutOptions options{.if_absent = gap.kind == GapKind::missing && !there};
  DRKIT_TRY(copies_[gap.shown.copy]->put(ctx, gap.shown.key, whole.view(), options));
  return std::optional<std::uint64_t>(whole.size());
}

// The digest of the right bytes, and the bytes, unless the copy has them already.
Result<crypto::Digest> Healer::load_right(const Context& ctx, const Gap& gap, const std::optional<Proof>& there,
                                          base::MappedBytes& whole) const {
  const std::string& key = gap.shown.key;
  std::optional<Error> why;
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    if (i == gap.shown.copy || gaps_.has(key, i, GapKind::outdated)) continue;
    whole.release();
    auto other = prove(ctx, *copies_[i], key, &whole);
    if (other && other->right) return other->digest;
    // Another digest than the key says is a disproof.
    if (other && digest_in(key).empty()) vote(candidates, other->digest, i);
    if (!other && (!why || why->code() == ErrorCode::not_found)) why = std::move(other).error();
  }
  whole.release();
  const auto best = std::max_element(candidates.begin(), candidates.end(),
                                     [](const Candidate& a, const Candidate& b) { return a.votes < b.votes; });
  if (best == candidates.end()) {
    if (why && why->code() != ErrorCode::not_found) return std::move(*why);
    return key_error(ErrorCode::not_found, "no other copy has it whole", key);
  }
  if (there && gap.kind != GapKind::outdated) {
    const auto same = std::find_if(candidates.begin(), candidates.end(),
                                   [&](const Candidate& one) { return one.digest == there->digest; });
    const std::size_t votes_there = 1 + (same == candidates.end() ? 0 : same->votes);
    if (same == best || votes_there > best->votes) return there->digest;
    if (votes_there == best->votes) {
      return key_error(ErrorCode::corrupt, "the copies differ, and none proves to be the right one", key);
    }
  }
  DRKIT_ASSIGN(const Proof loaded, prove(ctx, *copies_[best->copy], key, &whole));
  if (loaded.digest == best->digest) return loaded.digest;
  return key_error(ErrorCode::unavailable, "a copy changed while it was read", key, Retry::yes);
}

}  // namespace drkit::storage::mirror
