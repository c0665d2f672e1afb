// RepositoryHandle: what drkit.Repository is written on. Options arrive checked and complete from there.
#include "repository.hpp"

#include <pybind11/stl.h>

#include <drkit/backup.hpp>
#include <drkit/registry.hpp>
#include <drkit/restore.hpp>

#include "job.hpp"
#include "look.hpp"
#include "plugins.hpp"
#include "values.hpp"

namespace drkit::python {
namespace {

using Texts = std::vector<std::string>;
using TextMap = std::map<std::string, std::string>;

OpenOptions open_options(const py::object& password, const py::object& key, const py::object& cache_dir,
                         std::optional<std::uint64_t> memory, unsigned parallel) {
  OpenOptions options;
  if (!password.is_none()) options.credential.password = secret_from_python(password);
  if (!key.is_none()) options.credential.key = secret_from_python(key);
  if (!cache_dir.is_none()) options.cache_directory = path_from_python(cache_dir);
  if (memory) options.memory_bytes = *memory;
  options.parallel = parallel;
  return options;
}

PasswordCost password_cost(const std::optional<std::pair<std::uint64_t, std::uint64_t>>& cost) {
  return cost ? PasswordCost{cost->first, cost->second} : PasswordCost{};
}

using Cost = std::optional<std::pair<std::uint64_t, std::uint64_t>>;

RepositoryHandle create(const StorageHandle& storage, const py::object& password, const Texts& recipients,
                        const py::object& key, const py::object& cache_dir, std::optional<std::uint64_t> memory,
                        unsigned parallel, const Cost& cost) {
  CreateOptions options;
  if (!password.is_none()) options.passwords.push_back(secret_from_python(password));
  options.recipients = recipients;
  options.password_cost = password_cost(cost);
  OpenOptions opening = open_options(py::none(), key, cache_dir, memory, parallel);
  Job job;
  return {job.run([&](const Context& ctx) {
            return Repository::create(ctx, storage.storage, std::move(options), std::move(opening));
          }),
          storage.storage};
}

RepositoryHandle open(const StorageHandle& storage, const py::object& password, const py::object& key,
                      const py::object& cache_dir, std::optional<std::uint64_t> memory, unsigned parallel) {
  OpenOptions options = open_options(password, key, cache_dir, memory, parallel);
  Job job;
  return {job.run([&](const Context& ctx) { return Repository::open(ctx, storage.storage, std::move(options)); }),
          storage.storage};
}

struct BackupCall {
  BackupOptions options;
  SourceOptions source;
};

Snapshot backup_address(RepositoryHandle& self, const std::string& address, const BackupCall& call,
                        const py::object& progress, const py::object& log) {
  Job job(progress, log);
  return job.run([&](const Context& ctx) -> Result<Snapshot> {
    DRKIT_ASSIGN(const auto source, open_source(ctx, address, call.source));
    return backup(ctx, self.repository, *source, call.options);
  });
}

Snapshot backup_plugin(RepositoryHandle& self, py::object object, const BackupCall& call, const py::object& progress,
                       const py::object& log) {
  const std::unique_ptr<Source> source = source_of_python(std::move(object));
  Job job(progress, log);
  return job.run([&](const Context& ctx) { return backup(ctx, self.repository, *source, call.options); });
}

RestoreResult restore_to(RepositoryHandle& self, const Snapshot& snapshot, const std::string& address,
                         const RestoreOptions& options, const TargetOptions& target_options, const py::object& progress,
                         const py::object& log) {
  Job job(progress, log);
  return job.run([&](const Context& ctx) -> Result<RestoreResult> {
    DRKIT_ASSIGN(const auto target, open_target(ctx, address, snapshot, target_options));
    return restore(ctx, self.repository, snapshot, *target, options);
  });
}

Report check_with(RepositoryHandle& self, const py::object& facade, const std::optional<Snapshot>& snapshot,
                  const py::list& plugins, const CheckOptions& options, const py::object& progress,
                  const py::object& log) {
  auto checks = builtin_checks();
  for (const py::handle plugin : plugins) {
    checks.push_back(check_of_python(py::reinterpret_borrow<py::object>(plugin), facade));
  }
  Job job(progress, log);
  return job.run([&](const Context& ctx) {
    return check(ctx, self.repository, snapshot ? &*snapshot : nullptr, checks, options);
  });
}

KeyRole role_from(const std::string& name) {
  if (name == "full") return KeyRole::full;
  if (name == "write") return KeyRole::write;
  raise(Error(ErrorCode::invalid_argument, "unknown role: full or write").with("role", name));
}

template <class Body>
auto simple(Body&& body) {
  Job job;
  return job.run(std::forward<Body>(body));
}

void bind_options(py::module_& module) {
  py::class_<BackupCall>(module, "BackupCall")
      .def(py::init([](TextMap tags, std::string parent, std::string host, int compression, Texts excludes,
                       bool one_file_system, std::string mode, std::string what, std::uint64_t max_rate_kib,
                       Texts databases, std::string bin_dir, std::string name) {
        return BackupCall{{std::move(tags), std::move(parent), std::move(host), compression},
                          {std::move(excludes), one_file_system, std::move(mode), std::move(what), max_rate_kib,
                           std::move(databases), std::move(bin_dir), std::move(name)}};
      }));
  py::class_<RestoreOptions>(module, "RestoreOptions")
      .def(py::init([](Texts includes, Texts excludes, bool delta, bool owners) {
        return RestoreOptions{std::move(includes), std::move(excludes), delta, owners};
      }));
  py::class_<TargetOptions>(module, "TargetOptions")
      .def(py::init([](TextMap tablespaces, std::string all_under, bool keep_standby, std::string bin_dir,
                       unsigned jobs, bool no_tablespaces) {
        return TargetOptions{std::move(tablespaces), std::move(all_under), keep_standby, std::move(bin_dir), jobs,
                             no_tablespaces};
      }));
  py::class_<CheckOptions>(module, "CheckOptions")
      .def(py::init([](const std::string& level, unsigned sample, std::string scratch, Texts sql, std::string bin) {
        return CheckOptions{check_level_from(level), sample, std::move(scratch), std::move(sql), std::move(bin)};
      }));
}

void bind_keys(py::class_<RepositoryHandle>& type) {
  using Self = RepositoryHandle;
  type.def("keys", [](Self& self) { return simple([&](const Context& ctx) { return self.repository.keys(ctx); }); })
      .def("add_password",
           [](Self& self, const py::object& password, const std::string& role, const std::string& label,
              const Cost& cost) {
             const Secret secret = secret_from_python(password);
             const KeyRole chosen = role_from(role);
             return simple([&](const Context& ctx) {
               return self.repository.add_password(ctx, secret, chosen, label, password_cost(cost));
             });
           })
      .def("add_recipient",
           [](Self& self, const std::string& key, const std::string& role, const std::string& label) {
             const KeyRole chosen = role_from(role);
             return simple([&](const Context& ctx) { return self.repository.add_recipient(ctx, key, chosen, label); });
           })
      .def("remove_key",
           [](Self& self, const std::string& id) {
             simple([&](const Context& ctx) { return self.repository.remove_key(ctx, id); });
           })
      .def("rotate_key", [](Self& self, const py::object& password, const py::object& key) {
        Credential own;
        if (!password.is_none()) own.password = secret_from_python(password);
        if (!key.is_none()) own.key = secret_from_python(key);
        return simple([&](const Context& ctx) { return self.repository.rotate_key(ctx, own); });
      });
}

void bind_snapshots(py::class_<RepositoryHandle>& type) {
  using Self = RepositoryHandle;
  type.def("snapshots",
           [](Self& self, TextMap tags, std::string source) {
             const SnapshotFilter filter{std::move(tags), std::move(source)};
             std::vector<DamagedSnapshot> damaged;
             auto found = simple([&](const Context& ctx) { return self.repository.snapshots(ctx, filter, &damaged); });
             py::list errors;
             for (const DamagedSnapshot& one : damaged) errors.append(py::make_tuple(one.id, exception_of(one.error)));
             return py::make_tuple(std::move(found), std::move(errors));
           })
      .def("find",
           [](Self& self, const std::string& name) {
             return simple([&](const Context& ctx) { return self.repository.find_snapshot(ctx, name); });
           })
      .def("find_id",
           [](Self& self, const std::string& name) {
             return simple([&](const Context& ctx) { return self.repository.find_snapshot_id(ctx, name); });
           })
      .def("forget",
           [](Self& self, const std::string& id) {
             simple([&](const Context& ctx) { return self.repository.forget(ctx, id); });
           })
      .def("ls",
           [](Self& self, const Snapshot& snapshot, const py::object& path) {
             return list_entries_of(self.repository, snapshot, path_from_python(path));
           })
      .def("diff", [](Self& self, const Snapshot& a, const Snapshot& b) { return diff_of(self.repository, a, b); })
      .def("read", [](Self& self, const Snapshot& snapshot, const py::object& path) {
        return read_of(self.repository, snapshot, path_from_python(path));
      });
}

}  // namespace

void bind_repository(py::module_& module) {
  bind_options(module);
  py::class_<RepositoryHandle> type(module, "RepositoryHandle", "An open repository, as the library holds it.");
  type.def_static("create", &create)
      .def_static("open", &open)
      .def_property_readonly("id", [](const RepositoryHandle& self) { return self.repository.id(); })
      .def_property_readonly(
          "role",
          [](const RepositoryHandle& self) { return self.repository.role() == KeyRole::full ? "full" : "write"; })
      .def_property_readonly("storage_name",
                             [](const RepositoryHandle& self) { return self.repository.storage_info().name; })
      .def("backup_address", &backup_address)
      .def("backup_plugin", &backup_plugin)
      .def("restore", &restore_to)
      .def("plan_restore",
           [](RepositoryHandle& self, const Snapshot& snapshot, const std::string& address,
              const RestoreOptions& options, const TargetOptions& target_options) {
             const RestorePlan plan = simple([&](const Context& ctx) -> Result<RestorePlan> {
               DRKIT_ASSIGN(const auto target, open_target(ctx, address, snapshot, target_options));
               return plan_restore(ctx, self.repository, snapshot, *target, options);
             });
             py::list first;
             for (const std::string& path : plan.removals.first) first.append(path_to_python(path));
             return py::make_tuple(plan.stats, plan.removals.entries, first);
           })
      .def("check", &check_with);
  bind_keys(type);
  bind_snapshots(type);
  module.def("check_objects", [](const StorageHandle& storage, unsigned sample) {
    return simple([&](const Context& ctx) { return check_objects(ctx, *storage.storage, sample); });
  });
}

}  // namespace drkit::python
