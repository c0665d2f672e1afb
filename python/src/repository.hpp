// The open repository behind drkit.Repository.
#pragma once

#include <drkit/repository.hpp>

#include "errors.hpp"

namespace drkit::python {

struct RepositoryHandle {
  Repository repository;
  StoragePtr storage;
};

void bind_repository(py::module_& module);
void bind_mirror(py::module_& module);

}  // namespace drkit::python
