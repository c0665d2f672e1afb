#include "storage/mirror/proof.hpp"

#include <algorithm>

#include "base/hex.hpp"
#include "storage/digest_key.hpp"

namespace drkit::storage::mirror {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::size_t kDigestBytes = 32;

/// Hashes an object that comes in pieces, and all of it but its last bytes, which may be the digest of the rest.
class Judge {
 public:
  explicit Judge(std::string_view key) : promised_(digest_in(key)) {}

  void take(ByteView piece) {
    all_.update(piece);
    if (!promised_.empty()) return;
    last_.insert(last_.end(), piece.begin(), piece.end());
    if (last_.size() <= kDigestBytes) return;
    const std::size_t certain = last_.size() - kDigestBytes;
    rest_.update(ByteView(last_).first(certain));
    rest_bytes_ += certain;
    last_.erase(last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(certain));
  }

  Proof finish() {
    Proof proof{all_.finish(), false};
    if (!promised_.empty()) {
      proof.right = base::to_hex(proof.digest) == promised_;
    } else if (rest_bytes_ > 0) {
      const crypto::Digest digest = rest_.finish();
      proof.right = std::equal(digest.begin(), digest.end(), last_.begin(), last_.end());
    }
    return proof;
  }

 private:
  const std::string_view promised_;
  crypto::Sha256 all_;
  crypto::Sha256 rest_;
  std::uint64_t rest_bytes_ = 0;
  Bytes last_;
};

}  // namespace

Result<Proof> prove(const Context& ctx, Storage& storage, std::string_view key, base::MappedBytes* whole) {
  Judge judge(key);
  std::uint64_t offset = 0;
  while (true) {
    const auto piece = storage.get(ctx, key, {offset, kPieceBytes});
    const bool at_end = !piece && offset > 0 && piece.error().code() == ErrorCode::invalid_argument;
    if (at_end) break;
    DRKIT_TRY(piece);
    judge.take(*piece);
    if (whole != nullptr) DRKIT_TRY(whole->append(*piece));
    offset += piece->size();
    if (piece->size() < kPieceBytes) break;
  }
  return judge.finish();
}

bool proves_itself(std::string_view key, ByteView bytes) {
  if (const std::string_view promised = digest_in(key); !promised.empty()) {
    return base::to_hex(crypto::sha256(bytes)) == promised;
  }
  if (bytes.size() <= kDigestBytes) return false;
  const auto digest = crypto::sha256(bytes.first(bytes.size() - kDigestBytes));
  return std::equal(digest.begin(), digest.end(), bytes.end() - static_cast<std::ptrdiff_t>(kDigestBytes));
}

bool disproved(std::string_view key, ByteView bytes) { return !digest_in(key).empty() && !proves_itself(key, bytes); }

}  // namespace drkit::storage::mirror
