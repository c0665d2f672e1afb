#include "systems/postgres/source_modes.hpp"

#include "systems/postgres/base_backup.hpp"

namespace drkit::systems::postgres {
namespace {

// Becomes a local or a streaming source when it begins.
class AutomaticSource final : public Source {
 public:
  AutomaticSource(ConnectionParameters parameters, PostgresOptions options)
      : parameters_(std::move(parameters)), options_(std::move(options)) {}

  SourceInfo info() const override {
    return inner_ ? inner_->info() : SourceInfo{"postgres", server_name(parameters_), false, false, false};
  }
  Result<void> begin(const Context& ctx) override {
    if (inner_) return Error(ErrorCode::precondition_failed, "the backup was begun already");
    auto server = find_local_server(ctx, parameters_, options_);
    if (server.ok()) {
      inner_ = make_local_source(parameters_, options_, std::move(*server));
    } else if (server.error().code() == ErrorCode::cancelled) {
      return std::move(server).error();
    } else {
      ctx.write_log(LogLevel::info, "the cluster is streamed by its server: " + server.error().to_string());
      inner_ = make_stream_source(parameters_, options_);
    }
    return inner_->begin(ctx);
  }
  Result<void> compare_with(const Context& ctx, const EarlierSnapshot& earlier) override {
    return inner_ ? inner_->compare_with(ctx, earlier) : Result<void>();
  }
  Result<void> start(const Context& ctx) override { return inner_ ? inner_->start(ctx) : Result<void>(); }
  std::uint64_t estimated_bytes() const override { return inner_ ? inner_->estimated_bytes() : 0; }
  Result<std::unique_ptr<Stream>> next(const Context& ctx) override {
    if (!inner_) return Error(ErrorCode::precondition_failed, "the backup was not begun");
    return inner_->next(ctx);
  }
  Result<SourceReceipt> finish(const Context& ctx) override {
    if (!inner_) return Error(ErrorCode::precondition_failed, "the backup was not begun");
    return inner_->finish(ctx);
  }
  std::vector<Problem> problems() const override { return inner_ ? inner_->problems() : std::vector<Problem>(); }

 private:
  ConnectionParameters parameters_;
  PostgresOptions options_;
  std::unique_ptr<Source> inner_;
};

}  // namespace

std::unique_ptr<Source> make_automatic_source(ConnectionParameters parameters, PostgresOptions options) {
  return std::make_unique<AutomaticSource>(std::move(parameters), std::move(options));
}

}  // namespace drkit::systems::postgres

namespace drkit {

Result<std::unique_ptr<Source>> make_postgres_source(std::string conninfo, PostgresOptions options) {
  using namespace systems::postgres;
  DRKIT_TRY(base_backup_command(options));
  DRKIT_ASSIGN(ConnectionParameters parameters, parse_conninfo(conninfo));
  if (options.what == PostgresWhat::dump) return make_dump_source(std::move(parameters), std::move(options));
  switch (options.mode) {
    case PostgresMode::local:
      return make_local_source(std::move(parameters), std::move(options));
    case PostgresMode::stream:
      return make_stream_source(std::move(parameters), std::move(options));
    case PostgresMode::automatic:
      break;
  }
  return make_automatic_source(std::move(parameters), std::move(options));
}

}  // namespace drkit
