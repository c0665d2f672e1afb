#include <drkit/sources.hpp>

#include "systems/process/child.hpp"
#include "systems/process/sequential_sink.hpp"

namespace drkit {
namespace systems::process {
namespace {

class InputSink final : public SequentialSink {
 public:
  InputSink(std::unique_ptr<Child> child, std::uint64_t size_bytes, std::shared_ptr<bool> succeeded)
      : SequentialSink(size_bytes), child_(std::move(child)), succeeded_(std::move(succeeded)) {}

 protected:
  Result<void> write(const Context& ctx, ByteView bytes) override { return child_->write(ctx, bytes); }
  Result<void> finish(const Context& ctx) override {
    DRKIT_TRY(child_->finish(ctx));
    *succeeded_ = true;
    return {};
  }

 private:
  std::unique_ptr<Child> child_;
  std::shared_ptr<bool> succeeded_;
};

class ProcessTarget final : public RestoreTarget {
 public:
  explicit ProcessTarget(std::string command) : command_(std::move(command)) {}

  TargetInfo info() const override { return {"process", "exec:", true}; }

  Result<void> begin(const Context& ctx, const RestoreSettings& settings) override {
    if (settings.delta) return Error(ErrorCode::unsupported, "a command cannot be restored to by delta");
    return ctx.check_cancelled();
  }

  Result<void> make(const Context&, const Entry& entry) override { return refuse_node(entry); }

  Result<std::unique_ptr<Sink>> open(const Context& ctx, const Entry& entry) override {
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_TRY(require_content(entry));
    if (opened_) return Error(ErrorCode::precondition_failed, "command takes one stream only").with("path", entry.path);
    DRKIT_ASSIGN(std::unique_ptr<Child> child, Child::spawn(command_, Child::Pipe::to_stdin));
    opened_ = true;
    return std::unique_ptr<Sink>(std::make_unique<InputSink>(std::move(child), entry.size_bytes, succeeded_));
  }

  Result<void> finish(const Context&) override {
    if (!opened_ || *succeeded_) return {};
    return Error(ErrorCode::io, "the command did not end successfully");
  }

 private:
  std::string command_;
  bool opened_ = false;
  std::shared_ptr<bool> succeeded_ = std::make_shared<bool>(false);
};

}  // namespace
}  // namespace systems::process

Result<std::unique_ptr<RestoreTarget>> make_process_target(std::string command) {
  if (command.empty() || command.find('\0') != std::string::npos) {
    return Error(ErrorCode::invalid_argument, "command is empty or holds a nul byte");
  }
  return std::unique_ptr<RestoreTarget>(std::make_unique<systems::process::ProcessTarget>(std::move(command)));
}

}  // namespace drkit
