// Values that Python sees, and conversions of texts and options.
#pragma once

#include <pybind11/pybind11.h>

#include <map>
#include <string>

#include <drkit/check.hpp>
#include <drkit/repository.hpp>
#include <drkit/restore.hpp>

#include "errors.hpp"

namespace drkit::python {

/// Paths are bytes: they travel as str with surrogate escapes, as os.fsdecode does.
py::object path_to_python(const std::string& path);
/// From str, bytes or os.PathLike.
std::string path_from_python(const py::handle& object);

/// From str (UTF-8) or anything with the buffer protocol.
Secret secret_from_python(const py::handle& object);

CheckLevel check_level_from(const std::string& name);
Severity severity_from(const std::string& name);
EntryType entry_type_from(const std::string& name);
ErrorCode error_code_from(const std::string& name);

/// {"id": ..., ...} of one of the library's JSON documents.
py::object parse_json(const std::string& text);

void bind_values(py::module_& module);
void bind_entry(py::module_& module);
void bind_report(py::module_& module);

}  // namespace drkit::python
