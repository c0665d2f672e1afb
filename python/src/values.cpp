// Snapshot, its counts, results of restores, key slots, key files.
#include "values.hpp"

#include <pybind11/stl.h>

#include <array>

#include <drkit/report.hpp>

namespace drkit::python {
namespace {

template <class T>
struct Count {
  const char* name;
  std::uint64_t T::*member;
};

constexpr std::array<Count<BackupStats>, 10> kBackupCounts{{{"entries", &BackupStats::entries},
                                                            {"files", &BackupStats::files},
                                                            {"files_unchanged", &BackupStats::files_unchanged},
                                                            {"bytes", &BackupStats::bytes},
                                                            {"bytes_read", &BackupStats::bytes_read},
                                                            {"bytes_new", &BackupStats::bytes_new},
                                                            {"bytes_stored", &BackupStats::bytes_stored},
                                                            {"chunks", &BackupStats::chunks},
                                                            {"chunks_new", &BackupStats::chunks_new},
                                                            {"problems", &BackupStats::problems}}};
constexpr std::array<Count<RestoreStats>, 7> kRestoreCounts{{{"entries", &RestoreStats::entries},
                                                             {"files", &RestoreStats::files},
                                                             {"bytes", &RestoreStats::bytes},
                                                             {"bytes_fetched", &RestoreStats::bytes_fetched},
                                                             {"bytes_written", &RestoreStats::bytes_written},
                                                             {"bytes_kept", &RestoreStats::bytes_kept},
                                                             {"problems", &RestoreStats::problems}}};

template <class T, class Counts>
py::dict counts_of(const T& stats, const Counts& counts) {
  py::dict dict;
  for (const auto& count : counts) dict[count.name] = stats.*count.member;
  dict["duration_ns"] = stats.duration_ns;
  return dict;
}

template <class T, class Counts>
void bind_counts(py::module_& module, const char* name, const char* doc, const Counts& counts) {
  py::class_<T> type(module, name, doc);
  for (const auto& count : counts) type.def_readonly(count.name, count.member);
  type.def_readonly("duration_ns", &T::duration_ns)
      .def(
          "to_dict", [&counts](const T& stats) { return counts_of(stats, counts); }, "The counts as a dict.")
      .def("__repr__", [&counts, text = std::string(name)](const T& stats) {
        return "<" + text + " " + py::str(counts_of(stats, counts)).cast<std::string>() + ">";
      });
}

py::object datetime_of(std::int64_t time_ns) {
  const auto datetime = py::module_::import("datetime");
  const auto epoch = datetime.attr("datetime")(1970, 1, 1, py::arg("tzinfo") = datetime.attr("timezone").attr("utc"));
  return epoch + datetime.attr("timedelta")(py::arg("microseconds") = time_ns / 1000);
}

std::string status_text(Status status) { return std::string(status_name(status)); }

void bind_snapshot(py::module_& module) {
  py::class_<Snapshot>(module, "Snapshot", "One snapshot of a repository: a frozen value.")
      .def_readonly("id", &Snapshot::id, "32 hexadecimal digits.")
      .def_property_readonly(
          "status", [](const Snapshot& s) { return status_text(s.status); }, "\"complete\" or \"partial\".")
      .def_property_readonly(
          "time", [](const Snapshot& s) { return datetime_of(s.time_ns); },
          "When the backup began: datetime, UTC, microseconds.")
      .def_readonly("time_ns", &Snapshot::time_ns, "The same. Units: nanoseconds since the Unix epoch.")
      .def_readonly("source_kind", &Snapshot::source_kind, "\"filesystem\", \"postgres\", ...")
      .def_readonly("source_name", &Snapshot::source_name, "What was backed up.")
      .def_readonly("host", &Snapshot::host, "The machine that made the backup.")
      .def_property_readonly(
          "tags", [](const Snapshot& s) { return s.tags; }, "A dict of the tags.")
      .def_property_readonly(
          "receipt", [](const Snapshot& s) { return s.receipt; },
          "A dict of what the source told: LSNs, timeline, versions. Empty for write keys.")
      .def_property_readonly(
          "stats", [](const Snapshot& s) { return s.stats; }, "Counts: BackupStats.")
      .def_property_readonly(
          "problems", [](const Snapshot& s) { return s.problems; },
          "What is missing or incomplete: list of Problem, at most 1000; stats.problems counts all.")
      .def_readonly("private_readable", &Snapshot::private_readable,
                    "False for holders of a write key: receipt and problems are then empty.")
      .def(
          "to_dict", [](const Snapshot& s) { return parse_json(to_json(s)); }, "A dict of JSON's types alone.")
      .def("_repr_html_", [](const Snapshot& s) { return to_html_fragment(s); })
      .def("__repr__",
           [](const Snapshot& s) {
             return "<Snapshot " + s.id + " " + status_text(s.status) + " " + s.source_kind + ":" + s.source_name +
                    " " + py::str(datetime_of(s.time_ns).attr("isoformat")("T", "seconds")).cast<std::string>() + ">";
           })
      .def(
          "__eq__", [](const Snapshot& s, const Snapshot& other) { return s.id == other.id; }, py::is_operator())
      .def("__hash__", [](const Snapshot& s) { return py::hash(py::str(s.id)); });
}

void bind_restore_result(py::module_& module) {
  py::class_<RestoreResult>(module, "RestoreResult", "What a restore did: a frozen value.")
      .def_property_readonly(
          "status", [](const RestoreResult& r) { return status_text(r.status); },
          "\"complete\", or \"partial\" when the snapshot was partial in the part restored.")
      .def_property_readonly(
          "stats", [](const RestoreResult& r) { return r.stats; }, "Counts: RestoreStats.")
      .def_property_readonly(
          "problems", [](const RestoreResult& r) { return r.problems; },
          "List of Problem, at most 1000; stats.problems counts all.")
      .def(
          "to_dict", [](const RestoreResult& r) { return parse_json(to_json(r)); }, "A dict of JSON's types alone.")
      .def("__repr__", [](const RestoreResult& r) {
        return "<RestoreResult " + status_text(r.status) + ", " + std::to_string(r.stats.files) + " files, " +
               std::to_string(r.stats.bytes) + " bytes>";
      });
}

void bind_problem(py::module_& module) {
  py::class_<Problem>(module, "Problem", "An entry that is missing or incomplete, and why.")
      .def(py::init([](const py::object& path, const std::string& code, const std::string& message) {
             return Problem{path_from_python(path), error_code_from(code), message};
           }),
           py::arg("path"), py::arg("code"), py::arg("message"))
      .def_property_readonly("path", [](const Problem& p) { return path_to_python(p.path); })
      .def_property_readonly(
          "code", [](const Problem& p) { return std::string(error_code_name(p.code)); }, "As Error.code.")
      .def_readonly("message", &Problem::message)
      .def(
          "__eq__", [](const Problem& p, const Problem& other) { return p == other; }, py::is_operator())
      .def("__hash__", [](const Problem& p) { return py::hash(py::bytes(p.path + p.message)); })
      .def("__repr__", [](const Problem& p) {
        return "<Problem " + py::repr(path_to_python(p.path)).cast<std::string>() + " " +
               std::string(error_code_name(p.code)) + ": " + p.message + ">";
      });
}

void bind_keys(py::module_& module) {
  py::class_<KeySlot>(module, "KeySlot", "One way into a repository.")
      .def_readonly("id", &KeySlot::id, "32 hexadecimal digits.")
      .def_readonly("is_password", &KeySlot::is_password)
      .def_property_readonly(
          "role", [](const KeySlot& k) { return k.role == KeyRole::full ? "full" : "write"; }, "\"full\" or \"write\".")
      .def_readonly("label", &KeySlot::label)
      .def_readonly("public_key", &KeySlot::public_key, "Recipients only, else \"\".")
      .def_property_readonly(
          "created", [](const KeySlot& k) { return datetime_of(k.created_ns); }, "datetime, UTC.")
      .def("__repr__", [](const KeySlot& k) {
        return "<KeySlot " + k.id + (k.is_password ? " password " : " recipient ") +
               (k.role == KeyRole::full ? "full" : "write") + ">";
      });
  py::class_<KeyFile>(module, "KeyPair", "A key pair; the secret half is shown nowhere.")
      .def_static("generate", [] { return value_or_raise(KeyFile::generate()); })
      .def_static("parse",
                  [](const py::object& text) { return value_or_raise(KeyFile::parse(secret_from_python(text))); })
      .def_readonly("public_key", &KeyFile::public_key)
      .def("secret_bytes",
           [](const KeyFile& k) { return py::bytes(as_text(k.secret_key.view()).data(), k.secret_key.size()); })
      .def("__repr__", [](const KeyFile& k) { return "<KeyPair " + k.public_key + ">"; });
}

}  // namespace

py::object path_to_python(const std::string& path) {
  return py::reinterpret_steal<py::object>(
      PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
}

std::string path_from_python(const py::handle& object) {
  PyObject* encoded = nullptr;
  if (PyUnicode_FSConverter(object.ptr(), &encoded) == 0) throw py::error_already_set();
  return py::reinterpret_steal<py::bytes>(encoded).cast<std::string>();
}

Secret secret_from_python(const py::handle& object) {
  if (PyUnicode_Check(object.ptr()) != 0) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
    if (text == nullptr) throw py::error_already_set();
    return Secret::from_text({text, static_cast<std::size_t>(size)});
  }
  Py_buffer view;
  if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  Secret secret = Secret::copy_of({static_cast<const std::byte*>(view.buf), static_cast<std::size_t>(view.len)});
  PyBuffer_Release(&view);
  return secret;
}

py::object parse_json(const std::string& text) { return py::module_::import("json").attr("loads")(text); }

ErrorCode error_code_from(const std::string& name) {
#define DRKIT_ERROR_CODE(code, number, description) \
  if (name == #code) return ErrorCode::code;
#include <drkit/error_codes.def>
#undef DRKIT_ERROR_CODE
  raise(Error(ErrorCode::invalid_argument, "unknown error code").with("code", name));
}

void bind_values(py::module_& module) {
  bind_problem(module);
  bind_counts<BackupStats>(module, "BackupStats", "Counts of one backup. Units: bytes, entries, chunks, nanoseconds.",
                           kBackupCounts);
  bind_counts<RestoreStats>(module, "RestoreStats", "Counts of one restore. Units: bytes, entries, nanoseconds.",
                            kRestoreCounts);
  bind_snapshot(module);
  bind_restore_result(module);
  bind_keys(module);
}

}  // namespace drkit::python
