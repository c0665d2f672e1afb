// Mirrors: what their copies lack, and bringing it there.
#include <pybind11/stl.h>

#include <drkit/mirror.hpp>

#include "job.hpp"
#include "plugins.hpp"
#include "repository.hpp"

namespace drkit::python {
namespace {

using Gap = std::tuple<std::string, std::size_t, std::string, bool>;
/// What is left, objects that were brought to a copy, their bytes.
using Healed = std::tuple<std::vector<Gap>, std::uint64_t, std::uint64_t>;

Healed healed_of(const MirrorHealed& healed) {
  std::vector<Gap> gaps;
  for (const MirrorGap& gap : healed.left) gaps.emplace_back(gap.key, gap.copy, gap.reason, gap.damaged);
  return {std::move(gaps), healed.objects_copied, healed.bytes_copied};
}

std::shared_ptr<MirrorControl> control_of(const StorageHandle& handle) {
  auto control = mirror_control(handle.storage);
  if (control == nullptr) raise(Error(ErrorCode::invalid_argument, "the storage is no mirror"));
  return control;
}

StorageHandle make(const std::vector<StorageHandle>& copies, unsigned quorum) {
  std::vector<StoragePtr> storages;
  for (const StorageHandle& copy : copies) storages.push_back(copy.storage);
  auto made = mirror(std::move(storages), {quorum});
  if (!made) raise(made.error());
  return {std::move(made->storage)};
}

Healed settle(const StoragePtr& storage, const py::object& log) {
  Job job(py::none(), log);
  return healed_of(job.run([&](const Context& ctx) { return settle_mirror(ctx, storage); }));
}

}  // namespace

void bind_mirror(py::module_& module) {
  module.def("make_mirror", &make);
  module.def("settle_mirror",
             [](const StorageHandle& handle, const py::object& log) { return settle(handle.storage, log); });
  module.def("settle_repository",
             [](const RepositoryHandle& handle, const py::object& log) { return settle(handle.storage, log); });
  module.def("mirror_pending", [](const StorageHandle& handle) {
    return healed_of({0, 0, control_of(handle)->pending()});
  });
  module.def("compare_mirror", [](const StorageHandle& handle) {
    Job job;
    job.run([control = control_of(handle)](const Context& ctx) { return control->compare(ctx); });
  });
  module.def("heal_mirror", [](const StorageHandle& handle) {
    Job job;
    return healed_of(job.run([control = control_of(handle)](const Context& ctx) { return control->heal(ctx); }));
  });
}

}  // namespace drkit::python
