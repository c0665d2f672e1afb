// Selection: which entries of a snapshot a restore takes, and the directories above them.
#pragma once

#include <functional>
#include <vector>

#include <drkit/restore.hpp>

#include "base/glob.hpp"
#include "repo/manifest_reader.hpp"

namespace drkit::engine {

using RecordVisitor = std::function<Result<void>(format::Record&&)>;

/// Visits the chosen records in path order; a directory above a chosen entry comes before it, once.
Result<void> visit_selected(const Context& ctx, repo::ManifestReader& manifest, const RestoreOptions& options,
                            const RecordVisitor& visit);

/// Whether one path is chosen. Errors: invalid_argument (a glob).
Result<bool> is_selected(const RestoreOptions& options, const std::string& path, bool directory);

inline bool has_content(const Entry& entry) {
  return entry.type == EntryType::regular || entry.type == EntryType::stream;
}

}  // namespace drkit::engine
