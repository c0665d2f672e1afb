// healer: decides which copy of an object is right, and brings it to the one that has it not.
#pragma once

#include <optional>

#include "storage/mirror/gaps.hpp"
#include "storage/mirror/proof.hpp"

namespace drkit::storage::mirror {

using Copies = std::vector<StoragePtr>;

/// Holds one object at a time, and reads the others piece by piece.
class Healer {
 public:
  Healer(const Copies& copies, const Gaps& gaps) : copies_(copies), gaps_(gaps) {}
  /// Closes one gap and answers the bytes that were copied; nullopt when the copy turned out to be right.
  /// Bytes are replaced only by such as prove to be right, or as more copies have.
  /// Errors: not_found (no other copy has it), corrupt (nobody knows which is right), those of the copies.
  Result<std::optional<std::uint64_t>> heal(const Context& ctx, const Gap& gap) const;

 private:
  Result<std::optional<std::uint64_t>> keep_right(const Context& ctx, const Gap& gap, const Proof& there) const;
  Result<std::optional<std::uint64_t>> bring(const Context& ctx, const Gap& gap,
                                             const std::optional<Proof>& there) const;
  Result<crypto::Digest> load_right(const Context& ctx, const Gap& gap, const std::optional<Proof>& there,
                                    base::MappedBytes& whole) const;

  const Copies& copies_;
  const Gaps& gaps_;
};

}  // namespace drkit::storage::mirror
