#include <pybind11/stl.h>

#include <cstring>
#include <tuple>

#include <drkit/object_lock.hpp>
#include <drkit/probe.hpp>
#include <drkit/registry.hpp>
#include <drkit/report.hpp>
#include <drkit/spi/conformance.hpp>

#include "job.hpp"
#include "plugins.hpp"
#include "values.hpp"

namespace drkit::python {
namespace {

py::str text_of(std::string_view text) { return py::str(text.data(), text.size()); }

ObjectInfo object_info_of(const py::handle& object) {
  return {object.attr("key").cast<std::string>(), object.attr("size").cast<std::uint64_t>(),
          object.attr("modified_ns").cast<std::int64_t>()};
}

StorageInfo storage_info_of(const py::handle& object) {
  StorageInfo info;
  info.scheme = object.attr("scheme").cast<std::string>();
  info.name = object.attr("name").cast<std::string>();
  info.conditional_create = object.attr("conditional_create").cast<bool>();
  info.writable = object.attr("writable").cast<bool>();
  const py::object limit = object.attr("max_object_bytes");
  if (!limit.is_none()) info.max_object_bytes = limit.cast<std::uint64_t>();
  return info;
}

class PythonStorage final : public Storage {
 public:
  explicit PythonStorage(py::object object) : object_(std::move(object)) {
    info_ = storage_info_of(object_.get().attr("info")());
  }

  StorageInfo info() const override { return info_; }

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override {
    return call<ObjectInfo>(ctx, key, "stat", [&]() -> Result<ObjectInfo> {
      ObjectInfo info = object_info_of(object_.get().attr("stat")(text_of(key)));
      info.key = key;
      return info;
    });
  }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return call<Bytes>(ctx, key, "get", [&]() -> Result<Bytes> {
      const bool whole = range.length == std::numeric_limits<std::uint64_t>::max();
      const py::object length = whole ? py::object(py::none()) : py::object(py::int_(range.length));
      const std::string bytes = bytes_of(object_.get().attr("get")(text_of(key), range.offset, length));
      if (bytes.size() > range.length) return Error(ErrorCode::callback_failed, "get gave more bytes than asked for");
      const ByteView view = as_bytes(bytes);
      return Bytes(view.begin(), view.end());
    });
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    return call<void>(ctx, key, "put", [&]() -> Result<void> {
      const py::bytes data(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      object_.get().attr("put")(text_of(key), data, py::arg("if_absent") = options.if_absent);
      return {};
    });
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    return call<void>(ctx, key, "remove", [&]() -> Result<void> {
      object_.get().attr("remove")(text_of(key));
      return {};
    });
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    DRKIT_TRY(begin_list(ctx, prefix));
    const Enclosing enclosing(ctx.cancel);
    return call_python("list", [&]() -> Result<void> {
      for (const py::handle item : py::iter(object_.get().attr("list")(text_of(prefix)))) {
        DRKIT_TRY(begin_list(ctx, prefix));
        const ObjectInfo info = object_info_of(item);
        DRKIT_TRY(validate_storage_key(info.key));
        if (!go_on(visit, info)) break;
      }
      return begin_list(ctx, prefix);
    });
  }

 private:
  /// The visitor is the library's: it may wait for other threads, which may need the GIL.
  static bool go_on(const ListVisitor& visit, const ObjectInfo& info) {
    const py::gil_scoped_release released;
    return visit(info);
  }

  template <class T, class Body>
  Result<T> call(const Context& ctx, std::string_view key, std::string_view where, Body&& body) {
    Result<void> allowed = validate_storage_key(key);
    if (allowed.ok()) allowed = ctx.check_cancelled();
    if (!allowed.ok()) return with_key(std::move(allowed).error(), key);
    const Enclosing enclosing(ctx.cancel);
    Result<T> result = call_python(where, std::forward<Body>(body));
    if (result.ok()) return result;
    return with_key(std::move(result).error(), key);
  }

  /// A prefix is fine when some key starts with it.
  static Result<void> begin_list(const Context& ctx, std::string_view prefix) {
    Result<void> allowed;
    if (!prefix.empty() && !validate_storage_key(std::string(prefix) + 'x').ok()) {
      allowed = validate_storage_key(prefix);
    }
    if (allowed.ok()) allowed = ctx.check_cancelled();
    if (allowed.ok()) return {};
    return with_key(std::move(allowed).error(), prefix);
  }

  static Error with_key(Error error, std::string_view key) {
    for (const auto& [name, value] : error.context()) {
      if (name == "key") return error;
    }
    return std::move(error).with("key", std::string(key));
  }

  Held object_;
  StorageInfo info_;
};

py::list run_suite(const py::object& make, const py::object& wrap) {
  const Held make_held(make);
  const Held wrap_held(wrap);
  Job job;
  const auto cases = job.run([&](const Context& ctx) -> Result<std::vector<CaseResult>> {
    return run_storage_suite(ctx, [&]() -> Result<StoragePtr> {
      return call_python("make", [&]() -> Result<StoragePtr> {
        return wrap_held.get()(make_held.get()()).template cast<StorageHandle>().storage;
      });
    });
  });
  py::list list;
  for (const auto& one : cases) list.append(py::make_tuple(one.name, one.failure));
  return list;
}

/// user, password or None, key file, agent's socket, authorities, client certificate, its key, proxy.
using Access =
    std::tuple<std::string, py::object, std::string, std::string, std::string, std::string, std::string, std::string>;

/// Calls at once, read only, the cache's directory and size.
using Around = std::tuple<unsigned, bool, std::string, std::uint64_t>;

StorageOptions with_access(const Access& access) {
  StorageOptions options;
  const py::object& password = std::get<1>(access);
  if (!password.is_none()) options.password = secret_from_python(password);
  options.user = std::get<0>(access);
  options.key_file = std::get<2>(access);
  options.agent_socket = std::get<3>(access);
  options.ca_file = std::get<4>(access);
  options.client_certificate_file = std::get<5>(access);
  options.client_key_file = std::get<6>(access);
  options.proxy = std::get<7>(access);
  return options;
}

StorageHandle open(const std::string& address, bool create, std::uint64_t upload, std::uint64_t download,
                   unsigned attempts, const Access& access, const Around& around) {
  StorageOptions options = with_access(access);
  options.create = create;
  options.upload_bytes_per_second = upload;
  options.download_bytes_per_second = download;
  options.attempts = attempts;
  std::tie(options.concurrency, options.read_only, options.cache_directory, options.cache_bytes) = around;
  Job job;
  return {job.run([&](const Context& ctx) { return open_storage(ctx, address, options); })};
}

std::string probe(const StorageHandle& handle, std::uint64_t object_bytes, unsigned small_objects) {
  Job job;
  const ProbeOptions options{object_bytes, small_objects};
  return to_json(job.run([&](const Context& ctx) { return probe_storage(ctx, *handle.storage, options); }));
}

/// Objects, their bytes, and (key, reason) of those that refused.
py::tuple retain(const std::string& address, std::int64_t until_ns, std::optional<bool> legal_hold, unsigned parallel,
                 const Access& access) {
  const StorageOptions options = with_access(access);
  Job job;
  const RetainReport report = job.run([&](const Context& ctx) {
    return retain_objects(ctx, address, options, {until_ns, legal_hold, parallel});
  });
  py::list failures;
  for (const RetainFailure& one : report.failures) failures.append(py::make_tuple(one.key, one.reason));
  return py::make_tuple(report.objects, report.bytes, failures);
}

/// Every method of a storage as a call that answers signals.
void bind_methods(py::class_<StorageHandle>& type) {
  using Handle = StorageHandle;
  type.def("info",
           [](const Handle& h) {
             const StorageInfo info = h.storage->info();
             const bool limited = info.max_object_bytes != std::numeric_limits<std::uint64_t>::max();
             return py::make_tuple(info.scheme, info.name, info.conditional_create, info.writable,
                                   limited ? py::object(py::int_(info.max_object_bytes)) : py::object(py::none()));
           })
      .def("stat",
           [](const Handle& h, const std::string& key) {
             Job job;
             const auto info = job.run([&](const Context& ctx) { return h.storage->stat(ctx, key); });
             return py::make_tuple(info.key, info.size_bytes, info.modified_ns);
           })
      .def("get",
           [](const Handle& h, const std::string& key, std::uint64_t offset, std::optional<std::uint64_t> length) {
             Job job;
             const ByteRange range{offset, length.value_or(std::numeric_limits<std::uint64_t>::max())};
             const auto bytes = job.run([&](const Context& ctx) { return h.storage->get(ctx, key, range); });
             return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
           })
      .def("put",
           [](const Handle& h, const std::string& key, const py::object& data, bool if_absent) {
             const std::string bytes = bytes_of(data);
             Job job;
             job.run([&](const Context& ctx) { return h.storage->put(ctx, key, as_bytes(bytes), {if_absent}); });
           })
      .def("remove",
           [](const Handle& h, const std::string& key) {
             Job job;
             job.run([&](const Context& ctx) { return h.storage->remove(ctx, key); });
           })
      .def("list", [](const Handle& h, const std::string& prefix) {
        std::vector<std::tuple<std::string, std::uint64_t, std::int64_t>> all;
        Job job;
        job.run([&](const Context& ctx) {
          return h.storage->list(ctx, prefix, [&](const ObjectInfo& info) {
            all.emplace_back(info.key, info.size_bytes, info.modified_ns);
            return true;
          });
        });
        return all;
      });
}

}  // namespace

std::string bytes_of(const py::handle& object) {
  Py_buffer view;
  if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  std::string bytes(static_cast<const char*>(view.buf), static_cast<std::size_t>(view.len));
  PyBuffer_Release(&view);
  return bytes;
}

StoragePtr storage_of_python(py::object object) { return std::make_shared<PythonStorage>(std::move(object)); }

void bind_storage(py::module_& module) {
  py::class_<StorageHandle> type(module, "StorageHandle", "Any storage, as the library holds it.");
  bind_methods(type);
  module.def("open_storage", &open);
  module.def("probe_storage", &probe);
  module.def("retain_objects", &retain);
  module.def("wrap_storage", [](py::object object) { return StorageHandle{storage_of_python(std::move(object))}; });
  module.def("run_storage_suite", &run_suite);
}

}  // namespace drkit::python
