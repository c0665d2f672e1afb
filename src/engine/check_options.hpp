// What a check is asked for, held against what it can do: nothing that was asked for is left out in silence.
#pragma once

#include <memory>
#include <vector>

#include <drkit/check.hpp>

namespace drkit::engine {

/// Errors: invalid_argument for an option without a use at its level; "option" names it.
Result<void> require_options(const CheckOptions& options, bool one_snapshot);

/// The highest level up to `asked` at which something looks at the snapshot.
CheckLevel reachable_level(const Snapshot& snapshot, const std::vector<std::unique_ptr<Check>>& checks,
                           CheckLevel asked);

/// Errors: invalid_argument when the one snapshot that was asked for, or none of all, can be looked at as deeply as
/// asked; "highest" names the level that can.
Result<void> require_reachable(const std::vector<Snapshot>& snapshots,
                               const std::vector<std::unique_ptr<Check>>& checks, CheckLevel asked, bool one);

}  // namespace drkit::engine
