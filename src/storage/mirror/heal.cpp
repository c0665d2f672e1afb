#include "storage/mirror/heal.hpp"

#include "storage/key.hpp"
#include "storage/mirror/proof.hpp"

namespace drkit::storage::mirror {
namespace {

using Healed = Result<std::optional<std::uint64_t>>;

/// Decides about the object of one copy while the others' are shown to it, one at a time.
class Healer {
 public:
  Healer(const Context& ctx, Storage& copy, const std::string& key) : ctx_(ctx), copy_(copy), key_(key) {}

  Result<void> look() {
    const auto mine = copy_.get(ctx_, key_, {});
    absent_ = !mine && mine.error().code() == ErrorCode::not_found;
    if (!mine) return absent_ ? Result<void>() : mine.error();
    proof_ = proof_of(key_, *mine);
    digest_ = crypto::sha256(*mine);
    return {};
  }

  /// Something once it is healed.
  Healed take(Storage& other) {
    const auto theirs = other.get(ctx_, key_, {});
    if (!theirs && theirs.error().code() == ErrorCode::cancelled) return theirs.error();
    if (!theirs && theirs.error().code() != ErrorCode::not_found) unread_ = theirs.error();
    if (!theirs || (!absent_ && crypto::sha256(*theirs) == digest_)) return std::optional<std::uint64_t>();
    const Proof proof = proof_of(key_, *theirs);
    if (proof == Proof::good && (absent_ || proof_ != Proof::good)) return write(*theirs);
    if (absent_ && proof == Proof::none && source_ == nullptr) source_ = &other;
    const bool only_theirs_is_bad = proof_ == Proof::good && proof != Proof::good;
    if (!only_theirs_is_bad) rival_ = other.info().name;
    return std::optional<std::uint64_t>();
  }

  /// No other copy's is provably good.
  Healed finish() {
    if (source_ != nullptr) {
      DRKIT_ASSIGN(const Bytes bytes, source_->get(ctx_, key_, {}));
      return write(bytes);
    }
    if (absent_ && rival_ && !unread_) return key_error(ErrorCode::corrupt, "no copy has it whole", key_);
    if (rival_ && !absent_) {
      const std::string both = copy_.info().name + " and " + *rival_;
      return key_error(ErrorCode::corrupt, both + " have different bytes, and nothing proves which are right", key_);
    }
    if (unread_ && proof_ != Proof::good) return std::move(*unread_);
    return std::optional<std::uint64_t>();
  }

 private:
  Healed write(ByteView bytes) {
    auto put = copy_.put(ctx_, key_, bytes, {.if_absent = absent_});
    if (!put && put.error().code() == ErrorCode::already_exists) return std::optional<std::uint64_t>();
    DRKIT_TRY(put);
    return std::optional<std::uint64_t>(bytes.size());
  }

  const Context& ctx_;
  Storage& copy_;
  const std::string& key_;
  bool absent_ = false;
  Proof proof_ = Proof::none;
  crypto::Digest digest_{};
  Storage* source_ = nullptr;         ///< of an object that nothing can prove
  std::optional<std::string> rival_;  ///< who has other bytes that may be right
  std::optional<Error> unread_;
};

}  // namespace

Healed heal_gap(const Context& ctx, const std::vector<StoragePtr>& copies, const MirrorGap& gap) {
  Healer healer(ctx, *copies[gap.copy], gap.key);
  DRKIT_TRY(healer.look());
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (i == gap.copy) continue;
    DRKIT_ASSIGN(const auto healed, healer.take(*copies[i]));
    if (healed) return healed;
  }
  return healer.finish();
}

}  // namespace drkit::storage::mirror
