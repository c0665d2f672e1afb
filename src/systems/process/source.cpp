#include <algorithm>

#include <drkit/sources.hpp>

#include "systems/process/child.hpp"

namespace drkit {
namespace systems::process {
namespace {

constexpr std::string_view kStandardOutput = "stdout";

// The command's name without its arguments or variables, which may hold secrets.
std::string program_of(std::string_view command) {
  while (true) {
    const std::size_t start = command.find_first_not_of(" \t\n");
    if (start == std::string_view::npos) return "command";
    command.remove_prefix(start);
    const std::size_t end = std::min(command.find_first_of(" \t\n;|&<>()"), command.size());
    const std::string_view word = command.substr(0, end);
    if (!word.empty() && word.find('=') == std::string_view::npos) return std::string(word);
    if (word.empty() || word.find_first_of("'\"`$\\") != std::string_view::npos) return "command";
    command.remove_prefix(end);
  }
}

/// How far the command came; shared by the source and its stream.
struct Run {
  std::unique_ptr<Child> child;
  bool succeeded = false;
};

class OutputStream final : public Stream {
 public:
  OutputStream(Entry entry, std::shared_ptr<Run> run) : entry_(std::move(entry)), run_(std::move(run)) {}
  ~OutputStream() override { run_->child.reset(); }

  const Entry& entry() const override { return entry_; }

  // The end of the output is told only once the command has succeeded.
  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override {
    if (run_->succeeded) return ReadResult{};
    if (!run_->child) return Error(ErrorCode::precondition_failed, "the command has failed already");
    auto got = run_->child->read(ctx, buffer);
    if (got.ok() && *got > 0) return ReadResult{*got, 0};
    auto finished = got.ok() ? run_->child->finish(ctx) : Result<void>(std::move(got).error());
    run_->child.reset();
    if (!finished.ok()) return std::move(finished).error();
    run_->succeeded = true;
    return ReadResult{};
  }

  Result<void> close(const Context&) override {
    if (run_->succeeded) return {};
    return Error(ErrorCode::precondition_failed, "the output of the command was not read to its end");
  }

 private:
  Entry entry_;
  std::shared_ptr<Run> run_;
};

class ProcessSource final : public Source {
 public:
  ProcessSource(std::string command, std::string name) : command_(std::move(command)), name_(std::move(name)) {}

  SourceInfo info() const override {
    return {"process", "exec:" + (name_ == kStandardOutput ? program_of(command_) : name_), false, true};
  }

  Result<void> begin(const Context& ctx) override {
    DRKIT_TRY(ctx.check_cancelled());
    DRKIT_ASSIGN(run_->child, Child::spawn(command_, Child::Pipe::from_stdout));
    return {};
  }

  Result<std::unique_ptr<Stream>> next(const Context& ctx) override {
    DRKIT_TRY(ctx.check_cancelled());
    if (given_) return std::unique_ptr<Stream>();
    if (!run_->child) return Error(ErrorCode::precondition_failed, "the command was not started");
    given_ = true;
    Entry entry;
    entry.path = name_;
    entry.type = EntryType::stream;
    return std::unique_ptr<Stream>(std::make_unique<OutputStream>(std::move(entry), run_));
  }

  Result<SourceReceipt> finish(const Context&) override {
    if (run_->succeeded) return SourceReceipt{};
    return Error(ErrorCode::io, "the command did not end successfully");
  }

 private:
  std::string command_;
  std::string name_;
  std::shared_ptr<Run> run_ = std::make_shared<Run>();
  bool given_ = false;
};

}  // namespace
}  // namespace systems::process

Result<std::unique_ptr<Source>> make_process_source(std::string command, std::string name) {
  if (command.empty() || command.find('\0') != std::string::npos) {
    return Error(ErrorCode::invalid_argument, "command is empty or holds a nul byte");
  }
  const bool has_separator = name.find_first_of(std::string_view("/\0", 2)) != std::string::npos;
  if (name.empty() || name == "." || name == ".." || has_separator) {
    return Error(ErrorCode::invalid_argument, "name of the stream is not a file name");
  }
  return std::unique_ptr<Source>(
      std::make_unique<systems::process::ProcessSource>(std::move(command), std::move(name)));
}

}  // namespace drkit
