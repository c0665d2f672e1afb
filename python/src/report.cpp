// Findings and reports of checks.
#include <pybind11/stl.h>

#include <array>

#include <drkit/report.hpp>

#include "values.hpp"

namespace drkit::python {

CheckLevel check_level_from(const std::string& name) {
  for (const auto level : {CheckLevel::objects, CheckLevel::chunks, CheckLevel::files, CheckLevel::boot}) {
    if (name == check_level_name(level)) return level;
  }
  raise(Error(ErrorCode::invalid_argument, "unknown level: objects, chunks, files or boot").with("level", name));
}

Severity severity_from(const std::string& name) {
  for (const auto severity : {Severity::note, Severity::warning, Severity::damage}) {
    if (name == severity_name(severity)) return severity;
  }
  raise(Error(ErrorCode::invalid_argument, "unknown severity: note, warning or damage").with("severity", name));
}

void bind_report(py::module_& module) {
  py::class_<Finding>(module, "Finding", "One thing that a check saw.")
      .def(py::init([](const std::string& severity, std::string code, std::string subject, std::string message) {
             return Finding{severity_from(severity), std::move(code), std::move(subject), std::move(message)};
           }),
           py::kw_only(), py::arg("severity") = "damage", py::arg("code"), py::arg("subject"), py::arg("message"))
      .def_property_readonly(
          "severity", [](const Finding& f) { return std::string(severity_name(f.severity)); },
          "\"note\", \"warning\" or \"damage\".")
      .def_readonly("code", &Finding::code, "Stable name such as \"object_damaged\".")
      .def_property_readonly(
          "subject", [](const Finding& f) { return path_to_python(f.subject); },
          "An object's key, a path, \"path block 17\".")
      .def_property_readonly(
          "message", [](const Finding& f) { return path_to_python(f.message); }, "One line: expected and found.")
      .def("__repr__", [](const Finding& f) {
        return "<Finding " + std::string(severity_name(f.severity)) + " " + f.code + " " +
               py::repr(path_to_python(f.subject)).cast<std::string>() + ">";
      });
  py::class_<Report>(module, "Report", "What the checks saw: a frozen value.")
      .def_property_readonly("ok", &Report::ok, "True when no finding is damage.")
      .def_property_readonly(
          "findings", [](const Report& r) { return r.findings; }, "List of Finding, at most 10 000.")
      .def_property_readonly("findings_total", &Report::findings_total, "How many findings there were.")
      .def_property_readonly(
          "level", [](const Report& r) { return std::string(check_level_name(r.level)); },
          "\"objects\", \"chunks\", \"files\" or \"boot\".")
      .def_readonly("repository_id", &Report::repository_id)
      .def_readonly("snapshot_id", &Report::snapshot_id, "\"\" when all snapshots were checked.")
      .def_readonly("duration_ns", &Report::duration_ns)
      .def(
          "to_dict", [](const Report& r) { return parse_json(to_json(r)); }, "A dict of JSON's types alone.")
      .def(
          "to_html", [](const Report& r) { return to_html(r); }, "A self-contained page.")
      .def(
          "to_junit", [](const Report& r) { return to_junit(r); }, "JUnit XML.")
      .def("_repr_html_", [](const Report& r) { return to_html(r); })
      .def("__repr__", [](const Report& r) {
        return std::string("<Report ") + (r.ok() ? "ok" : "damage") + ", level " +
               std::string(check_level_name(r.level)) + ", " + std::to_string(r.findings.size()) + " findings>";
      });
}

}  // namespace drkit::python
