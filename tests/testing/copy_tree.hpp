// Copying from a source straight into a target, without a repository between them.
#pragma once

#include <functional>
#include <vector>

#include <drkit/spi/source.hpp>
#include <drkit/spi/target.hpp>

namespace drkit::testing {

struct CopyReport {
  std::vector<Entry> entries;     ///< in the order in which the source gave them
  std::vector<Problem> problems;  ///< of entries and of streams that could not be read
};

/// Called with each entry before it is read.
using EntryHook = std::function<void(const Entry&)>;

/// Walks and reads everything; the target may be null. Failing streams are noted and left out, as in a partial backup.
Result<CopyReport> copy_tree(const Context& ctx, Source& source, RestoreTarget* target,
                             const RestoreSettings& settings = {}, const EntryHook& hook = {});

}  // namespace drkit::testing
