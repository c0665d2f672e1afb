#include <pybind11/stl.h>

#include "job.hpp"
#include "plugins.hpp"
#include "values.hpp"

namespace drkit::python {
namespace {

class PythonCheck final : public Check {
 public:
  PythonCheck(py::object object, py::object repository)
      : object_(std::move(object)), repository_(std::move(repository)) {
    info_.id = object_.get().attr("id").cast<std::string>();
    info_.level = check_level_from(object_.get().attr("level").cast<std::string>());
  }

  CheckInfo info() const override { return info_; }

  /// What applies_to raises is told by run, for a check that cannot say must not be skipped in silence.
  bool applies_to(const Snapshot& snapshot) const override {
    const auto answer = call_python("applies_to", [&]() -> Result<bool> {
      return object_.get().attr("applies_to")(py::cast(snapshot)).template cast<bool>();
    });
    if (!answer.ok()) refused_.emplace(answer.error());
    return !answer.ok() || *answer;
  }

  Result<CheckSummary> run(const Context& ctx, const CheckInput& input, const FindingSink& report) override {
    if (refused_) return *refused_;
    const Enclosing enclosing(ctx.cancel);
    return call_python("run", [&]() -> Result<CheckSummary> {
      const py::object findings = object_.get().attr("run")(repository_.get(), py::cast(input.snapshot));
      if (findings.is_none()) return CheckSummary{};
      for (const py::handle finding : py::iter(findings)) {
        DRKIT_TRY(ctx.check_cancelled());
        report(finding.cast<Finding>());
      }
      return CheckSummary{0, "a plug-in"};
    });
  }

 private:
  Held object_;
  Held repository_;
  CheckInfo info_;
  mutable std::optional<Error> refused_;
};

}  // namespace

std::unique_ptr<Check> check_of_python(py::object object, py::object repository) {
  return std::make_unique<PythonCheck>(std::move(object), std::move(repository));
}

}  // namespace drkit::python
