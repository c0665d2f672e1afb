#include <algorithm>

#include "systems/postgres/client_program.hpp"
#include "systems/postgres/dump_names.hpp"
#include "systems/postgres/source_modes.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr const char* kAllDatabases =
    "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND datname <> 'template0' ORDER BY datname";

struct PlannedDump {
  std::string name;      ///< of the stream
  std::string database;  ///< "": what belongs to none
};

// Starts its program at the first read, so that no more of them run than there are readers.
class DumpStream final : public Stream {
 public:
  DumpStream(Entry entry, std::vector<std::string> arguments, std::map<std::string, std::string> environment)
      : entry_(std::move(entry)), arguments_(std::move(arguments)), environment_(std::move(environment)) {}
  const Entry& entry() const override { return entry_; }

  // The end is told only when the program succeeded.
  Result<ReadResult> read(const Context& ctx, std::span<std::byte> buffer) override {
    if (succeeded_) return ReadResult{};
    if (!program_) {
      DRKIT_ASSIGN(program_, ClientProgram::start(arguments_, environment_));
    }
    DRKIT_ASSIGN(const std::size_t got, program_->read(ctx, buffer));
    if (got > 0) return ReadResult{got, 0};
    DRKIT_TRY(program_->finish(ctx));
    succeeded_ = true;
    return ReadResult{};
  }
  Result<void> close(const Context&) override {
    if (succeeded_) return {};
    return Error(ErrorCode::precondition_failed, "the dump was not read to its end").with("path", entry_.path);
  }

 private:
  Entry entry_;
  std::vector<std::string> arguments_;
  std::map<std::string, std::string> environment_;
  std::unique_ptr<ClientProgram> program_;
  bool succeeded_ = false;
};

class DumpSource final : public Source {
 public:
  DumpSource(ConnectionParameters parameters, PostgresOptions options)
      : parameters_(std::move(parameters)), options_(std::move(options)) {}

  SourceInfo info() const override { return {"postgres-dump", server_name(parameters_), false, true, true}; }
  Result<void> begin(const Context& ctx) override;
  Result<std::unique_ptr<Stream>> next(const Context& ctx) override;
  Result<SourceReceipt> finish(const Context& ctx) override;

 private:
  Result<std::vector<std::string>> databases(const Context& ctx) const;
  std::string named_database() const;

  ConnectionParameters parameters_;
  PostgresOptions options_;
  std::unique_ptr<Connection> connection_;
  ClientPrograms programs_;
  std::vector<PlannedDump> dumps_;
  std::size_t next_ = 0;
  SourceReceipt receipt_;
};

std::string DumpSource::named_database() const {
  for (const auto& [name, value] : parameters_) {
    if (name == "dbname") return value;
  }
  return {};
}

Result<std::vector<std::string>> DumpSource::databases(const Context& ctx) const {
  if (!options_.databases.empty()) return options_.databases;
  if (const std::string one = named_database(); !one.empty()) return std::vector<std::string>{one};
  DRKIT_ASSIGN(const ResultPtr rows, connection_->query(ctx, kAllDatabases));
  std::vector<std::string> names;
  for (int row = 0; row < PQntuples(rows.get()); ++row) names.push_back(field(rows, row, 0));
  return names;
}

Result<void> DumpSource::begin(const Context& ctx) {
  if (connection_) return Error(ErrorCode::precondition_failed, "the backup was begun already");
  ConnectionParameters overrides;
  if (named_database().empty()) overrides.emplace_back("dbname", "postgres");
  DRKIT_ASSIGN(connection_, Connection::open(ctx, parameters_, overrides, options_.connect_timeout));
  const int version = connection_->server_version();
  DRKIT_ASSIGN(programs_, find_client_programs(ctx, options_.bin_dir, options_.search_path, version / 10000));
  DRKIT_ASSIGN(const std::vector<std::string> names, databases(ctx));
  dumps_.push_back({std::string(kGlobalsName), {}});
  for (const std::string& name : names) dumps_.push_back({dump_name(name), name});
  std::sort(dumps_.begin(), dumps_.end(),
            [](const PlannedDump& a, const PlannedDump& b) { return entry_path_less(a.name, b.name); });
  receipt_["server_version"] = connection_->parameter("server_version");
  receipt_["server_version_num"] = std::to_string(version);
  receipt_["major_version"] = std::to_string(version / 10000);
  receipt_["dump_major"] = std::to_string(programs_.major);
  std::string& list = receipt_["databases"];
  for (const std::string& name : names) list += (list.empty() ? "" : "\n") + name;
  return {};
}

Result<std::unique_ptr<Stream>> DumpSource::next(const Context& ctx) {
  if (!connection_) return Error(ErrorCode::precondition_failed, "the backup was not begun");
  DRKIT_TRY(ctx.check_cancelled());
  if (next_ == dumps_.size()) return std::unique_ptr<Stream>();
  const PlannedDump& dump = dumps_[next_++];
  Entry entry;
  entry.path = dump.name;
  entry.type = EntryType::stream;
  DRKIT_ASSIGN(auto environment, connection_->environment(dump.database));
  // Custom format: one stream that pg_restore reads with several jobs; -Z0: compression is the repository's.
  std::vector<std::string> arguments{programs_.path("pg_dump"), "--no-password", "-Fc", "-Z0"};
  if (dump.database.empty()) arguments = {programs_.path("pg_dumpall"), "--no-password", "--globals-only"};
  return std::unique_ptr<Stream>(
      std::make_unique<DumpStream>(std::move(entry), std::move(arguments), std::move(environment)));
}

Result<SourceReceipt> DumpSource::finish(const Context&) {
  if (next_ < dumps_.size() || !connection_) {
    return Error(ErrorCode::precondition_failed, "the dumps were not all taken");
  }
  return receipt_;
}

}  // namespace

std::unique_ptr<Source> make_dump_source(ConnectionParameters parameters, PostgresOptions options) {
  return std::make_unique<DumpSource>(std::move(parameters), std::move(options));
}

}  // namespace drkit::systems::postgres
