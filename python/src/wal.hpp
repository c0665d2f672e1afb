// The write-ahead log of PostgreSQL.
#pragma once

#include "errors.hpp"

namespace drkit::python {

void bind_wal(py::module_& module);
void bind_pitr(py::module_& module);

}  // namespace drkit::python
