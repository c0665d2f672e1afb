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
      .def_property_readonly(
          "snapshots", [](const Finding& f) { return f.snapshots; },
          "Ids of the snapshots it was seen in; empty: of the repository as a whole.")
      .def("__repr__", [](const Finding& f) {
        return "<Finding " + std::string(severity_name(f.severity)) + " " + f.code + " " +
               py::repr(path_to_python(f.subject)).cast<std::string>() + ">";
      });
  py::class_<CheckedSnapshot>(module, "CheckedSnapshot", "What was looked at of one snapshot.")
      .def_readonly("id", &CheckedSnapshot::id)
      .def_property_readonly(
          "level", [](const CheckedSnapshot& s) { return std::string(check_level_name(s.level)); },
          "The highest level that was really done.")
      .def_readonly("entries_missing", &CheckedSnapshot::entries_missing, "What its backup could not read.")
      .def("__repr__", [](const CheckedSnapshot& s) {
        return "<CheckedSnapshot " + s.id.substr(0, 8) + ", level " + std::string(check_level_name(s.level)) + ">";
      });
  py::class_<Report>(module, "Report", "What the checks saw: a frozen value.")
      .def_property_readonly("ok", &Report::ok, "True when the status is \"complete\".")
      .def_property_readonly(
          "status", [](const Report& r) { return std::string(check_status_name(r.status())); },
          "\"complete\", \"partial\" (a snapshot is, or was looked at less deeply than asked) or \"damaged\".")
      .def_property_readonly(
          "snapshots", [](const Report& r) { return r.snapshots; }, "List of CheckedSnapshot.")
      .def_property_readonly(
          "not_looked_at", [](const Report& r) { return r.not_looked_at; },
          "What might be taken for checked and is not: lines for people.")
      .def_readonly("sample_percent", &Report::sample_percent, "Percent of objects, packs or files looked at.")
      .def_property_readonly(
          "storage", [](const Report& r) { return path_to_python(r.storage); }, "Its address, without secrets.")
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
        return std::string("<Report ") + std::string(check_status_name(r.status())) + ", level " +
               std::string(check_level_name(r.level)) + ", " + std::to_string(r.findings.size()) + " findings>";
      });
}

}  // namespace drkit::python
