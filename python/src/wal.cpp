// push, get, list, verify, receive and what can be recovered to.
#include "wal.hpp"

#include <pybind11/stl.h>

#include <algorithm>

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
  dict["damaged"] = object.damaged;
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

py::dict push(const RepositoryHandle& self, const py::object& path, const SystemId& system_id, std::string spool,
              std::string spool_name, unsigned batch, const py::object& log) {
  WalPushOptions options;
  options.system_id = system_id;
  options.spool = {std::move(spool), std::move(spool_name), self.repository.id()};
  options.batch = batch;
  const std::string file = path_from_python(path);
  Job job(py::none(), log);
  const WalPushResult result = job.run([&](const Context& ctx) -> Result<WalPushResult> {
    const auto known = wal_was_pushed(file, options.spool);
    if (known && *known) return WalPushResult{WalPut::was_there, 0};
    return push_wal(ctx, WalArchive(self.repository), file, options);
  });
  py::dict dict;
  dict["outcome"] = result.outcome == WalPut::stored ? "stored" : "was_there";
  dict["more"] = result.more;
  return dict;
}

void get(const RepositoryHandle& self, const std::string& name, const py::object& destination,
         const SystemId& system_id, std::string spool, std::string spool_name, unsigned prefetch, bool up_to_damage,
         const py::object& log) {
  WalGetOptions options;
  options.system_id = system_id;
  options.spool = {std::move(spool), std::move(spool_name), {}};
  options.prefetch = prefetch;
  options.up_to_damage = up_to_damage;
  const std::string place = path_from_python(destination);
  Job job(py::none(), log);
  job.run([&](const Context& ctx) -> Result<bool> {
    const auto ready = take_prefetched_wal(name, place, options.spool, options.system_id);
    if (ready && *ready) return true;
    DRKIT_TRY(get_wal(ctx, WalArchive(self.repository), name, place, options));
    return true;
  });
}

std::chrono::milliseconds milliseconds_of(double seconds) {
  constexpr double kMost = 1e9;
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, kMost) * 1000));
}

WalReceiveOptions receive_options(std::string slot, bool create_slot, bool synchronous, const std::string& durable,
                                  std::string spool, std::uint64_t spool_bytes, double store_every_s,
                                  std::uint64_t store_bytes, std::string name, bool reconnect,
                                  std::uint64_t until_lsn) {
  WalReceiveOptions options;
  if (durable != "storage" && durable != "spool") {
    raise(Error(ErrorCode::invalid_argument, "durable is storage or spool").with("durable", durable));
  }
  options.slot = std::move(slot);
  options.create_slot = create_slot;
  options.synchronous = synchronous;
  options.durable = durable == "spool" ? WalDurable::spool : WalDurable::storage;
  options.spool_directory = std::move(spool);
  options.spool_bytes = spool_bytes;
  options.store_every = milliseconds_of(store_every_s);
  options.store_bytes = store_bytes;
  options.application_name = std::move(name);
  options.reconnect = reconnect;
  options.until_lsn = until_lsn;
  return options;
}

py::dict receive(const RepositoryHandle& self, const std::string& address, const WalReceiveOptions& options,
                 const py::object& log) {
  Job job(py::none(), log);
  const WalReceived received = job.run([&](const Context& ctx) -> Result<WalReceived> {
    DRKIT_ASSIGN(const std::string conninfo, conninfo_of_address(address));
    return receive_wal(ctx, WalArchive(self.repository), conninfo, options);
  });
  py::dict dict;
  dict["system_id"] = received.system_id;
  dict["timeline"] = received.timeline;
  dict["stored_lsn"] = received.stored_lsn;
  dict["segments"] = received.segments;
  dict["pieces"] = received.pieces;
  dict["gaps"] = received.gaps;
  dict["connections"] = received.connections;
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
  py::class_<WalReceiveOptions>(module, "WalReceiveOptions").def(py::init(&receive_options));
  module.def("push_wal", &push);
  module.def("get_wal", &get);
  module.def("receive_wal", &receive);
  module.def("list_wal", &objects);
  module.def("verify_wal", &verify);
  module.def("recovery_window", &windows);
}

}  // namespace drkit::python
