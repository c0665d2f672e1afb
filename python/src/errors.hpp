// Errors between C++ and Python: one exception class a code, and back.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

#include <drkit/result.hpp>

namespace drkit::python {

namespace py = pybind11;

/// The exception for an error, its causes chained; a Python exception that a plug-in raised becomes its __cause__.
py::object exception_of(const Error& error);

/// Throws the exception for the error. REQUIRES: the GIL.
[[noreturn]] void raise(const Error& error);

template <class T>
T value_or_raise(Result<T> result) {
  if (!result.ok()) raise(result.error());
  return std::move(result).value();
}
inline void ok_or_raise(const Result<void>& result) {
  if (!result.ok()) raise(result.error());
}

/// What a plug-in's exception says to the library: drkit exceptions keep their code, all others are callback_failed
/// and are remembered, so that exception_of can chain them. REQUIRES: the GIL.
Error error_of(py::error_already_set& exception, std::string_view where);

/// Runs a piece of Python for the library: takes the GIL, and every exception becomes an Error.
template <class Body>
auto call_python(std::string_view where, Body&& body) -> decltype(body()) {
  const py::gil_scoped_acquire gil;
  try {
    return body();
  } catch (py::error_already_set& exception) {
    return error_of(exception, where);
  } catch (const py::cast_error&) {
    return Error(ErrorCode::callback_failed, "a Python plug-in gave a value of the wrong type")
        .with("callback", std::string(where));
  } catch (const py::builtin_exception& exception) {
    return Error(ErrorCode::callback_failed, "a Python plug-in gave a wrong value")
        .with("callback", std::string(where))
        .with("what", exception.what());
  }
}

/// A Python object that may be dropped without the GIL.
class Held {
 public:
  explicit Held(py::object object) : object_(object.release().ptr()) {}
  Held(Held&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  Held& operator=(Held&&) = delete;
  ~Held();
  py::handle get() const { return object_; }

 private:
  PyObject* object_;
};

void bind_errors(py::module_& module);

}  // namespace drkit::python
