// A check written in C.
#pragma once

#include <memory>

#include <drkit/spi/check.hpp>

#include "handles.hpp"

struct drk_check_plugin {
  std::shared_ptr<drkit::Check> check;
};

namespace drkit::capi {

/// Lets one plug-in serve many runs: the engine wants to own its checks.
class SharedCheck final : public Check {
 public:
  explicit SharedCheck(std::shared_ptr<Check> check) : check_(std::move(check)) {}
  CheckInfo info() const override { return check_->info(); }
  bool applies_to(const Snapshot& snapshot) const override { return check_->applies_to(snapshot); }
  Result<CheckSummary> run(const Context& ctx, const CheckInput& input, const FindingSink& report) override {
    return check_->run(ctx, input, report);
  }

 private:
  std::shared_ptr<Check> check_;
};

}  // namespace drkit::capi
