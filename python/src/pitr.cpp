// plan_pitr, and what a plan does.
#include <pybind11/stl.h>

#include <drkit/pitr.hpp>

#include "job.hpp"
#include "repository.hpp"
#include "values.hpp"
#include "wal.hpp"

namespace drkit::python {
namespace {

PitrKind kind_of(const std::string& name) {
  if (name == "latest") return PitrKind::latest;
  if (name == "immediate") return PitrKind::immediate;
  if (name == "time") return PitrKind::time;
  if (name == "lsn") return PitrKind::lsn;
  if (name == "xid") return PitrKind::xid;
  if (name == "name") return PitrKind::name;
  raise(Error(ErrorCode::invalid_argument, "unknown kind of target").with("kind", name));
}

PitrAction action_of(const std::string& name) {
  if (name == "promote") return PitrAction::promote;
  if (name == "pause") return PitrAction::pause;
  if (name == "shutdown") return PitrAction::shutdown;
  raise(Error(ErrorCode::invalid_argument, "action is promote, pause or shutdown").with("action", name));
}

PitrOptions make_options(const std::string& kind, std::int64_t time_ns, std::uint64_t lsn, std::uint32_t xid,
                         std::string name, bool inclusive, std::optional<std::uint32_t> timeline,
                         std::optional<std::uint64_t> system_id, std::string snapshot, bool read_log) {
  PitrOptions options;
  options.target = {kind_of(kind), time_ns, lsn, xid, std::move(name), inclusive};
  options.timeline = timeline;
  options.system_id = system_id;
  options.snapshot = std::move(snapshot);
  options.read_log = read_log;
  return options;
}

PitrPlan plan(const RepositoryHandle& self, const PitrOptions& options, const py::object& log) {
  Job job(py::none(), log);
  return job.run([&](const Context& ctx) { return plan_pitr(ctx, self.repository, options); });
}

py::dict plan_dict(const PitrPlan& plan) {
  py::dict dict;
  dict["snapshot"] = plan.snapshot.id;
  dict["system_id"] = plan.system_id;
  dict["timeline"] = plan.timeline;
  dict["start_lsn"] = plan.start_lsn;
  dict["stop_lsn"] = plan.stop_lsn;
  dict["stop_time_ns"] = plan.stop_time_ns;
  dict["wal_bytes"] = plan.wal_bytes;
  dict["ended_by"] = plan.ended_by;
  dict["log_was_read"] = plan.log_was_read;
  py::list timelines;
  for (const PitrTimeline& end : plan.timelines) {
    py::dict one;
    one["timeline"] = end.timeline;
    one["end_lsn"] = end.end_lsn;
    one["end_time_ns"] = end.end_time_ns;
    timelines.append(one);
  }
  dict["timelines"] = timelines;
  return dict;
}

void write_settings(const PitrPlan& plan, const py::object& data_dir, std::string restore_command,
                    const std::string& action, bool keep_archiving) {
  const std::string place = path_from_python(data_dir);
  const PitrSettings settings{std::move(restore_command), action_of(action), keep_archiving};
  Job job;
  job.run([&](const Context&) { return write_pitr_settings(place, plan, settings); });
}

py::dict start(const PitrPlan& plan, const py::object& data_dir, const std::string& action, std::string bin_dir,
               std::map<std::string, std::string> environment, std::string log_file, std::string server_options,
               double timeout_s, const py::object& log) {
  const std::string place = path_from_python(data_dir);
  const PitrAction what = action_of(action);
  PitrStartOptions options;
  options.bin_dir = std::move(bin_dir);
  options.environment = std::move(environment);
  options.log_file = std::move(log_file);
  options.server_options = std::move(server_options);
  options.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(timeout_s * 1000));
  Job job(py::none(), log);
  const PitrReached reached = job.run([&](const Context& ctx) { return start_pitr(ctx, place, plan, what, options); });
  py::dict dict;
  dict["finished"] = reached.finished;
  dict["timeline"] = reached.timeline;
  dict["lsn"] = reached.lsn;
  dict["time_ns"] = reached.time_ns;
  dict["message"] = reached.message;
  return dict;
}

}  // namespace

void bind_pitr(py::module_& module) {
  py::class_<PitrOptions>(module, "PitrOptions").def(py::init(&make_options));
  py::class_<PitrPlan>(module, "PitrPlanHandle", "How a target is reached, as the library holds it.")
      .def_property_readonly("snapshot", [](const PitrPlan& self) { return self.snapshot; })
      .def("to_dict", &plan_dict)
      .def("write_settings", &write_settings)
      .def("start", &start);
  module.def("plan_pitr", &plan);
}

}  // namespace drkit::python
