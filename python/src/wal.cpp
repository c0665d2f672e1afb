// push, get, list, verify, receive and what can be recovered to.
#include "wal.hpp"

#include <pybind11/stl.h>

#include <drkit/pitr.hpp>
#include <drkit/wal_files.hpp>
#include <drkit/wal_receive.hpp>

#include "job.hpp"
#include "repository.hpp"
#include "values.hpp"

namespace drkit::python {
namespace {

using SystemId = std::optional<std::uint64_t>;

py::dict stretch_dict(std::uint64_t system_id, std::uint32_t timeline, std::uint64_t start, std::uint64_t end) {
  py::dict dict;
  dict["system_id"] = system_id;
  dict["timeline"] = timeline;
  dict["start_lsn"] = start;
  dict["end_lsn"] = end;
  return dict;
}

py::dict object_dict(const WalObject& object) {
  py::dict dict = stretch_dict(object.name.system_id, object.name.timeline, object.name.start, object.name.end);
  dict["kind"] = std::string(wal_kind_name(object.name.kind));
  dict["stored_bytes"] = object.stored_bytes;
  dict["modified_ns"] = object.modified_ns;
  return dict;
}

py::dict window_dict(const RecoveryWindow& window) {
  py::dict dict = stretch_dict(window.system_id, window.timeline, window.start_lsn, window.end_lsn);
  dict["snapshot"] = window.snapshot;
  dict["start_time_ns"] = window.start_time_ns;
  dict["end_time_ns"] = window.end_time_ns;
  dict["ended_by"] = window.ended_by;
  dict["proof"] = window.proof;
  return dict;
}

py::dict timeline_dict(const WalTimeline& timeline) {
  py::dict dict;
  py::list spans;
  for (const WalSpan& span : timeline.spans) spans.append(py::make_tuple(span.start, span.end));
  dict["system_id"] = timeline.system_id;
  dict["timeline"] = timeline.timeline;
  dict["parent"] = timeline.parent;
  dict["switch_lsn"] = timeline.switch_lsn;
  dict["reason"] = timeline.reason;
  dict["has_history"] = timeline.has_history;
  dict["spans"] = spans;
  return dict;
}

py::dict problem_dict(const WalProblem& problem) {
  py::dict dict = stretch_dict(problem.system_id, problem.timeline, problem.start, problem.end);
  dict["code"] = problem.code;
  dict["message"] = problem.message;
  return dict;
}

template <class Value>
py::list list_of(const std::vector<Value>& values, py::dict (*dict_of)(const Value&)) {
  py::list list;
  for (const Value& value : values) list.append(dict_of(value));
  return list;
}

std::string push(const RepositoryHandle& self, const py::object& path, const SystemId& system_id) {
  WalPushOptions options;
  options.system_id = system_id;
  const std::string file = path_from_python(path);
  Job job;
  const WalPushResult result =
      job.run([&](const Context& ctx) { return push_wal(ctx, WalArchive(self.repository), file, options); });
  return result.outcome == WalPut::stored ? "stored" : "was_there";
}

void get(const RepositoryHandle& self, const std::string& name, const py::object& destination,
         const SystemId& system_id) {
  WalGetOptions options;
  options.system_id = system_id;
  const std::string place = path_from_python(destination);
  Job job;
  job.run([&](const Context& ctx) -> Result<bool> {
    DRKIT_TRY(get_wal(ctx, WalArchive(self.repository), name, place, options));
    return true;
  });
}

py::dict receive(const RepositoryHandle& self, const std::string& conninfo, const std::string& slot, bool synchronous,
                 std::uint64_t until_lsn, const py::object& log) {
  WalReceiveOptions options;
  options.slot = slot;
  options.synchronous = synchronous;
  options.until_lsn = until_lsn;
  Job job(py::none(), log);
  const WalReceived received =
      job.run([&](const Context& ctx) { return receive_wal(ctx, WalArchive(self.repository), conninfo, options); });
  py::dict dict;
  dict["system_id"] = received.system_id;
  dict["timeline"] = received.timeline;
  dict["stored_lsn"] = received.stored_lsn;
  dict["segments"] = received.segments;
  dict["pieces"] = received.pieces;
  dict["gaps"] = received.gaps;
  dict["unstored_bytes"] = received.unstored_bytes;
  return dict;
}

py::list windows(const RepositoryHandle& self) {
  Job job;
  return list_of(job.run([&](const Context& ctx) { return recovery_window(ctx, self.repository); }), &window_dict);
}

py::list objects(const RepositoryHandle& self, const SystemId& system_id) {
  Job job;
  return list_of(job.run([&](const Context& ctx) { return WalArchive(self.repository).list(ctx, system_id); }),
                 &object_dict);
}

py::dict verify(const RepositoryHandle& self, bool read) {
  WalVerifyOptions options;
  options.read = read;
  Job job;
  const WalReport report = job.run([&](const Context& ctx) { return verify_wal(ctx, self.repository, options); });
  py::dict dict;
  dict["timelines"] = list_of(report.timelines, &timeline_dict);
  dict["problems"] = list_of(report.problems, &problem_dict);
  dict["windows"] = list_of(report.windows, &window_dict);
  return dict;
}

}  // namespace

void bind_wal(py::module_& module) {
  module.def("push_wal", &push);
  module.def("get_wal", &get);
  module.def("receive_wal", &receive);
  module.def("list_wal", &objects);
  module.def("verify_wal", &verify);
  module.def("recovery_window", &windows);
}

}  // namespace drkit::python
