// What the PostgreSQL tests share: a temporary folder, a running server, a session for SQL, a tree on disk.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <drkit/postgres.hpp>

namespace drkit::test {

/// A folder below the temporary directory that the server's account can reach; removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A running throw-away cluster, stopped at the end.
class Server {
 public:
  /// major 15 is Debian's, 16 to 18 come from npm.
  Server(int major, std::filesystem::path folder, const std::vector<std::string>& settings = {});
  /// A streaming standby of a running cluster of PostgreSQL 15.
  Server(std::filesystem::path folder, const Server& primary);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string conninfo(const std::string& database = "postgres") const;
  std::string conninfo_tcp() const;
  std::filesystem::path data() const { return folder_ / "data"; }
  std::string bin() const;
  std::string lib() const;
  void stop(const std::string& mode = "fast");
  /// Starts what was stopped.
  void start_again();

 private:
  int major_;
  std::filesystem::path folder_;
};

/// Runs SQL; gives the first row's first column. Throws std::runtime_error.
std::string sql(const std::string& conninfo, const std::string& statement);

/// Runs a shell command; throws std::runtime_error unless it exits with 0.
void shell(const std::string& command);

std::string read_file(const std::filesystem::path& path);
int postmaster_pid(const std::filesystem::path& data);

/// A backup on disk: the content of files below root, and what the source said about each entry.
struct Saved {
  std::filesystem::path root;
  std::vector<Entry> entries;
  SourceReceipt receipt;
};

/// Drains a source that was begun.
Result<Saved> save(const Context& ctx, Source& source, const std::filesystem::path& root);

/// A plain target below an existing or new folder that must be empty unless delta.
Result<std::unique_ptr<RestoreTarget>> make_plain_target(std::string root);

/// Gives everything saved to a target, in snapshot order.
Result<void> restore(const Context& ctx, const Saved& saved, RestoreTarget& target);

/// Makes everything below root belong to the account that runs servers when the tests are run by root.
void give_to_server_account(const std::filesystem::path& root);

}  // namespace drkit::test
