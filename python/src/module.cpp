// drkit._core: one bind function a file.
#include <drkit/version.hpp>

#include "job.hpp"
#include "look.hpp"
#include "plugins.hpp"
#include "repository.hpp"
#include "values.hpp"
#include "wal.hpp"

PYBIND11_MODULE(_core, module) {
  using namespace drkit::python;
  module.doc() = "The compiled half of drkit. Use the names that drkit itself gives.";
  module.attr("__version__") = DRKIT_VERSION;
  bind_errors(module);
  bind_progress(module);
  bind_values(module);
  bind_entry(module);
  bind_report(module);
  bind_storage(module);
  bind_look(module);
  bind_repository(module);
  bind_wal(module);
  bind_pitr(module);
  bind_mirror(module);
}
