// Storages, sources and checks written in Python, as the library sees them.
#pragma once

#include <memory>

#include <drkit/spi/check.hpp>
#include <drkit/spi/source.hpp>
#include <drkit/spi/storage.hpp>

#include "errors.hpp"

namespace drkit::python {

/// A handle on any storage; to Python an opaque value.
struct StorageHandle {
  StoragePtr storage;
};

/// `object` follows drkit.Storage. Its methods may be called from any thread, with the GIL.
StoragePtr storage_of_python(py::object object);
/// `object` follows drkit.Source.
std::unique_ptr<Source> source_of_python(py::object object);
/// `object` follows drkit.Check; `repository` is the drkit.Repository that its run() receives.
std::unique_ptr<Check> check_of_python(py::object object, py::object repository);

/// Bytes of any contiguous buffer.
std::string bytes_of(const py::handle& object);

void bind_storage(py::module_& module);

}  // namespace drkit::python
