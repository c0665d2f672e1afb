#include "errors.hpp"

#include <pybind11/stl.h>

#include <array>
#include <charconv>
#include <deque>
#include <map>

namespace drkit::python {
namespace {

constexpr const char* kExceptionKey = "python_exception";
constexpr std::size_t kRemembered = 64;

/// Exceptions of plug-ins on their way through the library, by number; the oldest go when nobody asks for them.
/// Guarded by the GIL; never destroyed, for the interpreter may be gone before static objects are.
struct Remembered {
  std::uint64_t last = 0;
  std::deque<std::pair<std::uint64_t, py::object>> exceptions;
};
Remembered& remembered() {
  static auto* instance = new Remembered;
  return *instance;
}

std::string remember(py::object exception) {
  auto& all = remembered();
  all.exceptions.emplace_back(++all.last, std::move(exception));
  if (all.exceptions.size() > kRemembered) all.exceptions.pop_front();
  return std::to_string(all.last);
}

py::object recall(const std::string& number) {
  std::uint64_t wanted = 0;
  std::from_chars(number.data(), number.data() + number.size(), wanted);
  auto& exceptions = remembered().exceptions;
  for (auto it = exceptions.begin(); it != exceptions.end(); ++it) {
    if (it->first != wanted) continue;
    py::object found = std::move(it->second);
    exceptions.erase(it);
    return found;
  }
  return py::none();
}

/// "not_found" -> "NotFoundError"
std::string class_name(std::string_view code) {
  std::string name;
  bool capital = true;
  for (const char c : code) {
    if (c == '_') {
      capital = true;
    } else {
      name += capital ? static_cast<char>(c - 'a' + 'A') : c;
      capital = false;
    }
  }
  return name + "Error";
}

/// Classes by code; never destroyed, as above.
std::map<ErrorCode, py::object>& classes() {
  static auto* instance = new std::map<ErrorCode, py::object>;
  return *instance;
}
py::object& root_class() {
  static auto* instance = new py::object;
  return *instance;
}

/// Error texts are for people: a path that is not UTF-8 must not make them unreadable.
py::object readable(const std::string& text) { return py::bytes(text).attr("decode")("utf-8", "backslashreplace"); }

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

Error error_of_drkit(const py::object& exception) {
  const auto code = static_cast<ErrorCode>(exception.attr("value").cast<std::int32_t>());
  const auto retry = exception.attr("retryable").cast<bool>() ? Retry::yes : Retry::no;
  Error error(code, one_line(exception.attr("message").cast<std::string>()), retry);
  for (const auto& [key, value] : exception.attr("context").cast<std::map<std::string, std::string>>()) {
    error = Error(std::move(error).with(key, value));
  }
  return error;
}

}  // namespace

Held::~Held() {
  if (object_ == nullptr || Py_IsInitialized() == 0) return;
  const py::gil_scoped_acquire gil;
  Py_DECREF(object_);
}

py::object exception_of(const Error& error) {
  py::dict context;
  py::object cause = py::none();
  for (const auto& [key, value] : error.context()) {
    if (key == kExceptionKey) {
      cause = recall(value);
    } else if (!context.contains(key)) {
      context[py::str(key)] = readable(value);
    }
  }
  const auto found = classes().find(error.code());
  const py::object type = found == classes().end() ? root_class() : found->second;
  py::object exception =
      type(readable(error.message()), py::arg("retryable") = error.retryable(), py::arg("context") = context);
  if (cause.is_none() && error.cause() != nullptr) cause = exception_of(*error.cause());
  if (!cause.is_none()) exception.attr("__cause__") = cause;
  return exception;
}

void raise(const Error& error) {
  const py::object exception = exception_of(error);
  PyErr_SetObject(py::type::handle_of(exception).ptr(), exception.ptr());
  throw py::error_already_set();
}

Error error_of(py::error_already_set& exception, std::string_view where) {
  if (exception.matches(root_class())) {
    try {
      return Error(error_of_drkit(exception.value()).with("callback", std::string(where)));
    } catch (const std::exception&) {
      return Error(ErrorCode::callback_failed, "a Python plug-in raised a malformed drkit.Error")
          .with("callback", std::string(where));
    }
  }
  const auto code = exception.matches(PyExc_MemoryError) ? ErrorCode::out_of_memory : ErrorCode::callback_failed;
  const auto type = py::str(exception.type().attr("__name__")).cast<std::string>();
  return Error(code, "a Python plug-in raised " + type)
      .with("callback", std::string(where))
      .with(kExceptionKey, remember(exception.value()));
}

void bind_errors(py::module_& module) {
  root_class() = py::module_::import("drkit._error").attr("Error");
  const py::object type = py::module_::import("builtins").attr("type");
  py::list all;
  const auto add = [&](const char* code, ErrorCode value, const char* description) {
    if (value == ErrorCode::ok) return;
    py::dict members;
    members["__doc__"] = py::str(std::string("Code ") + code + ": " + description + ".");
    members["__module__"] = "drkit";
    members["code"] = code;
    members["value"] = static_cast<std::int32_t>(value);
    const std::string name = class_name(code);
    const py::object made = type(name, py::make_tuple(root_class()), members);
    module.attr(name.c_str()) = made;
    classes()[value] = made;
    all.append(name);
  };
#define DRKIT_ERROR_CODE(name, number, description) add(#name, ErrorCode::name, description);
#include <drkit/error_codes.def>
#undef DRKIT_ERROR_CODE
  module.attr("error_classes") = py::tuple(all);
}

}  // namespace drkit::python
