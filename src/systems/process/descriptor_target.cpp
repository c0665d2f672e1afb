#include <drkit/sources.hpp>

#include "systems/process/child.hpp"
#include "systems/process/sequential_sink.hpp"

namespace drkit {
namespace systems::process {
namespace {

constexpr std::string_view kName = "standard output";

class DescriptorSink final : public SequentialSink {
 public:
  DescriptorSink(int fd, std::uint64_t size_bytes) : SequentialSink(size_bytes), fd_(fd) {}

 protected:
  Result<void> write(const Context& ctx, ByteView bytes) override { return write_watching(ctx, fd_, bytes, kName); }
  Result<void> finish(const Context&) override { return {}; }

 private:
  int fd_;
};

class DescriptorTarget final : public RestoreTarget {
 public:
  explicit DescriptorTarget(int fd) : fd_(fd) {}

  TargetInfo info() const override { return {"stdout", std::string(kName), true}; }
  Result<void> begin(const Context& ctx, const RestoreSettings& settings) override {
    if (settings.delta) return Error(ErrorCode::unsupported, "standard output cannot be restored to by delta");
    return ctx.check_cancelled();
  }
  Result<void> make(const Context&, const Entry& entry) override { return refuse_node(entry); }
  Result<std::unique_ptr<Sink>> open(const Context&, const Entry& entry) override {
    DRKIT_TRY(require_content(entry));
    return std::unique_ptr<Sink>(std::make_unique<DescriptorSink>(fd_, entry.size_bytes));
  }
  Result<void> finish(const Context&) override { return {}; }

 private:
  int fd_;
};

}  // namespace
}  // namespace systems::process

Result<std::unique_ptr<RestoreTarget>> make_stdout_target(int descriptor) {
  if (descriptor < 0) return Error(ErrorCode::invalid_argument, "descriptor is negative");
  return std::unique_ptr<RestoreTarget>(std::make_unique<systems::process::DescriptorTarget>(descriptor));
}

}  // namespace drkit
