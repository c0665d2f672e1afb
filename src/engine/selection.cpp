#include "engine/selection.hpp"

namespace drkit::engine {
namespace {

bool is_above(const std::string& directory, const std::string& path) {
  return directory.empty() ||
         (path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/');
}

}  // namespace

Result<bool> is_selected(const RestoreOptions& options, const std::string& path, bool directory) {
  DRKIT_ASSIGN(const base::GlobList includes, base::GlobList::parse(options.includes));
  DRKIT_ASSIGN(const base::GlobList excludes, base::GlobList::parse(options.excludes));
  return !excludes.covers(path, directory) && (includes.empty() || includes.covers(path, directory));
}

Result<void> visit_selected(const Context& ctx, repo::ManifestReader& manifest, const RestoreOptions& options,
                            const RecordVisitor& visit) {
  DRKIT_ASSIGN(const base::GlobList includes, base::GlobList::parse(options.includes));
  DRKIT_ASSIGN(const base::GlobList excludes, base::GlobList::parse(options.excludes));
  std::vector<format::Record> above;  // directories on the way that nothing chosen needed yet
  while (true) {
    DRKIT_ASSIGN(std::optional<format::Record> record, manifest.next(ctx));
    if (!record) return {};
    const Entry& entry = record->entry;
    const bool directory = entry.type == EntryType::directory;
    while (!above.empty() && !is_above(above.back().entry.path, entry.path)) above.pop_back();
    if (excludes.covers(entry.path, directory)) continue;
    if (!includes.empty() && !includes.covers(entry.path, directory)) {
      if (directory) above.push_back(std::move(*record));
      continue;
    }
    for (format::Record& parent : above) DRKIT_TRY(visit(std::move(parent)));
    above.clear();
    DRKIT_TRY(visit(std::move(*record)));
  }
}

}  // namespace drkit::engine
