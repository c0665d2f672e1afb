// Iterators over what is in snapshots.
#pragma once

#include <drkit/restore.hpp>

#include "errors.hpp"

namespace drkit::python {

/// Entries at and below a path.
py::object list_entries_of(const Repository& repository, const Snapshot& snapshot, const std::string& path);
/// Tuples of "added", "removed" or "modified", and the entry.
py::object diff_of(const Repository& repository, const Snapshot& a, const Snapshot& b);
/// Pieces of the content of one file, as bytes.
py::object read_of(const Repository& repository, const Snapshot& snapshot, const std::string& path);

void bind_look(py::module_& module);

}  // namespace drkit::python
