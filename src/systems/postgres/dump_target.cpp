#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include <drkit/postgres.hpp>

#include "base/posix_file.hpp"
#include "base/text_file.hpp"
#include "systems/postgres/client_program.hpp"
#include "systems/postgres/connection.hpp"
#include "systems/postgres/dump_names.hpp"
#include "systems/postgres/dump_server.hpp"
#include "systems/postgres/globals_script.hpp"

namespace drkit::systems::postgres {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(30);

int number_in(const std::map<std::string, std::string>& receipt, const std::string& key) {
  const auto found = receipt.find(key);
  return found == receipt.end() ? 0 : static_cast<int>(std::strtol(found->second.c_str(), nullptr, 10));
}

class SpoolSink final : public Sink {
 public:
  SpoolSink(base::UniqueFd fd, std::string path, std::uint64_t size)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}
  Result<void> write_at(const Context&, std::uint64_t offset, ByteView bytes) override {
    return base::pwrite_full(fd_.get(), bytes, offset, path_);
  }
  Result<void> close(const Context&) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) {
      return base::errno_error(errno, "cannot set the length of the file", path_);
    }
    return fd_.close(path_);
  }

 private:
  base::UniqueFd fd_;
  std::string path_;
  std::uint64_t size_;
};

// Dumps wait in a private folder until all are there: roles come first, and several jobs need a file to seek in.
class DumpTarget final : public RestoreTarget {
 public:
  DumpTarget(ConnectionParameters parameters, std::map<std::string, std::string> receipt,
             PostgresDumpRestoreOptions options)
      : parameters_(std::move(parameters)), receipt_(std::move(receipt)), options_(std::move(options)) {}
  ~DumpTarget() override {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  TargetInfo info() const override { return {"postgres-dump", server_name(parameters_), false}; }
  Result<void> begin(const Context& ctx, const RestoreSettings& settings) override;
  Result<void> make(const Context&, const Entry& entry) override {
    if (entry.type == EntryType::directory && entry.path.empty()) return {};
    return Error(ErrorCode::unsupported, "a server takes dumps alone").with("path", entry.path);
  }
  Result<std::unique_ptr<Sink>> open(const Context& ctx, const Entry& entry) override;
  Result<void> finish(const Context& ctx) override;

 private:
  struct Planned {
    std::string database;
    std::string file;
    bool exists = false;
  };
  Result<bool> look_at(const Context& ctx, const std::string& database) const;
  DumpServer server() const { return {*connection_, programs_, options_, folder_}; }
  Result<void> restore_globals(const Context& ctx) const;
  Result<void> restore_database(const Context& ctx, const Planned& planned) const;
  void drop(const Planned& planned) const;

  ConnectionParameters parameters_;
  std::map<std::string, std::string> receipt_;
  PostgresDumpRestoreOptions options_;
  ClientPrograms programs_;
  std::string folder_;
  std::mutex mutex_;  ///< guards the rest: open runs concurrently with itself
  std::unique_ptr<Connection> connection_;
  std::string globals_;
  std::vector<Planned> planned_;
};

Result<void> DumpTarget::begin(const Context& ctx, const RestoreSettings& settings) {
  if (settings.delta) return Error(ErrorCode::unsupported, "a database is restored whole, never as a delta");
  bool named = false;
  for (const auto& [name, value] : parameters_) named = named || (name == "dbname" && !value.empty());
  ConnectionParameters overrides;
  if (!named) overrides.emplace_back("dbname", "postgres");
  DRKIT_ASSIGN(connection_, Connection::open(ctx, parameters_, overrides, kConnectTimeout));
  const int server = connection_->server_version() / 10000, dumped = number_in(receipt_, "major_version");
  if (server < dumped) {
    return Error(ErrorCode::unsupported, "the server is older than the one that was dumped")
        .with("server", std::to_string(server))
        .with("dumped", std::to_string(dumped));
  }
  const int wanted = std::max(server, number_in(receipt_, "dump_major"));
  DRKIT_ASSIGN(programs_, find_client_programs(ctx, options_.bin_dir, options_.search_path, wanted));
  std::string name = options_.scratch_dir + "/drkit-dump-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return base::errno_error(errno, "cannot make a folder", options_.scratch_dir);
  folder_ = name;
  return {};
}

// Whether the database is there. Errors: precondition_failed when something is in it.
Result<bool> DumpTarget::look_at(const Context& ctx, const std::string& database) const {
  DRKIT_ASSIGN(const ResultPtr rows, connection_->query(ctx,
                                                        "SELECT count(*) FROM pg_catalog.pg_database WHERE "
                                                        "datname = " +
                                                            quote_literal(database)));
  if (field(rows, 0, 0) == "0") return false;
  DRKIT_ASSIGN(const auto inside, Connection::open(ctx, parameters_, {{"dbname", database}}, kConnectTimeout));
  DRKIT_ASSIGN(const ResultPtr tables, inside->query(ctx,
                                                     "SELECT count(*) FROM pg_catalog.pg_class c JOIN "
                                                     "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "
                                                     "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"));
  if (field(tables, 0, 0) == "0") return true;
  return Error(ErrorCode::precondition_failed, "a database that would be restored exists and is not empty")
      .with("database", database);
}

Result<std::unique_ptr<Sink>> DumpTarget::open(const Context& ctx, const Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (folder_.empty()) return Error(ErrorCode::precondition_failed, "the restore was not begun");
  std::string file;
  if (entry.path == kGlobalsName) {
    file = globals_ = folder_ + "/" + std::string(kGlobalsName);
  } else {
    DRKIT_ASSIGN(const std::string database, database_of_dump(entry.path));
    DRKIT_ASSIGN(const bool exists, look_at(ctx, database));
    file = folder_ + "/" + std::to_string(planned_.size()) + ".dump";
    planned_.push_back({database, file, exists});
  }
  DRKIT_ASSIGN(base::UniqueFd fd, base::open_file(file, O_RDWR | O_CREAT | O_EXCL, 0600));
  return std::unique_ptr<Sink>(std::make_unique<SpoolSink>(std::move(fd), file, entry.size_bytes));
}

Result<void> DumpTarget::restore_globals(const Context& ctx) const {
  DRKIT_ASSIGN(const auto script, base::read_text_file(globals_));
  return run_script(ctx, server(), script.value_or(""));
}

// A database that this restore made and did not fill to the end would be in the way of the next attempt.
void DumpTarget::drop(const Planned& planned) const {
  static_cast<void>(
      connection_->query(Context(), "DROP DATABASE IF EXISTS " + quote_identifier(planned.database) + " WITH (FORCE)"));
}

Result<void> DumpTarget::restore_database(const Context& ctx, const Planned& planned) const {
  const bool make_apart = options_.no_tablespaces && !planned.exists;
  if (make_apart) DRKIT_TRY(make_database_apart(ctx, server(), planned.file));
  const bool exists = planned.exists || make_apart;
  // A database that exists (postgres, template1) is entered; others are made by pg_restore from another one.
  DRKIT_ASSIGN(auto environment, connection_->environment(exists ? planned.database : ""));
  const std::string database = environment["PGDATABASE"];
  std::vector<std::string> arguments{programs_.path("pg_restore"), "--no-password", "--exit-on-error"};
  // What is not ours to drop is filled by one job, so that it stays empty when that fails.
  arguments.push_back(planned.exists ? "--single-transaction"
                                     : "--jobs=" + std::to_string(std::max(1U, options_.jobs)));
  if (!exists) arguments.emplace_back("--create");
  if (options_.no_tablespaces) arguments.emplace_back("--no-tablespaces");
  arguments.push_back("--dbname=" + conninfo_of_database(database));
  arguments.push_back(planned.file);
  auto done = run_client_program(ctx, std::move(arguments), std::move(environment));
  if (!done.ok()) return std::move(done).error();
  std::error_code ignored;
  std::filesystem::remove(planned.file, ignored);
  return {};
}

Result<void> DumpTarget::finish(const Context& ctx) {
  std::vector<DumpFile> files;
  for (const Planned& planned : planned_) files.push_back({planned.file, !planned.exists});
  DRKIT_TRY(check_dump_tablespaces(ctx, server(), globals_, files));
  if (!globals_.empty()) DRKIT_TRY(restore_globals(ctx));
  for (const Planned& planned : planned_) {
    auto done = restore_database(ctx, planned);
    if (!done && !planned.exists) drop(planned);
    if (!done) return std::move(done).error().with("database", planned.database);
  }
  return {};
}

}  // namespace
}  // namespace drkit::systems::postgres

namespace drkit {

Result<std::unique_ptr<RestoreTarget>> make_postgres_dump_target(std::string conninfo,
                                                                 std::map<std::string, std::string> receipt,
                                                                 PostgresDumpRestoreOptions options) {
  using namespace systems::postgres;
  DRKIT_ASSIGN(ConnectionParameters parameters, parse_conninfo(conninfo));
  return std::unique_ptr<RestoreTarget>(
      std::make_unique<DumpTarget>(std::move(parameters), std::move(receipt), std::move(options)));
}

}  // namespace drkit
