// heal: brings to one copy what it lacks.
#pragma once

#include <optional>
#include <vector>

#include <drkit/storage.hpp>

namespace drkit::storage::mirror {

/// Bytes copied; nothing when the copy lacks nothing. An object that is there is overwritten only when it is not
/// provably good and another copy's is. Errors: those of the copies; corrupt when two differ and nothing proves which
/// is right, or no copy has it whole.
Result<std::optional<std::uint64_t>> heal_gap(const Context& ctx, const std::vector<StoragePtr>& copies,
                                              const MirrorGap& gap);

}  // namespace drkit::storage::mirror
