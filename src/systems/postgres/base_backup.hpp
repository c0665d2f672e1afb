// The BASE_BACKUP command and its stream of messages, server versions 15 to 18.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <drkit/postgres.hpp>

#include "systems/postgres/connection.hpp"

namespace drkit::systems::postgres {

struct Tablespace {
  std::string oid;
  std::string location;
};

/// What the server told before the first byte of data.
struct BackupStart {
  std::string system_id;
  std::string start_lsn;
  std::string timeline;
  std::vector<Tablespace> tablespaces;
  std::uint64_t total_bytes = 0;  ///< estimate
};

/// And after the last one.
struct BackupEnd {
  std::string end_lsn;
  std::string timeline;
};

struct BackupMessage {
  enum class Kind : std::uint8_t { archive, manifest, data, end };
  Kind kind = Kind::end;
  std::string archive;  ///< of archive: "base.tar", "16384.tar"
  ByteView data;        ///< of data; valid until the next call
};

/// The statement for these options. incremental: since the manifest that was uploaded. Errors: invalid_argument.
Result<std::string> base_backup_command(const PostgresOptions& options, bool incremental = false);

/// One running backup: begin, next until Kind::end, finish.
class BaseBackup {
 public:
  explicit BaseBackup(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  Result<BackupStart> begin(const Context& ctx, const PostgresOptions& options, bool incremental = false);
  Result<BackupMessage> next(const Context& ctx);
  Result<BackupEnd> finish() const;
  Connection& connection() { return *connection_; }

 private:
  Result<void> read_end(const Context& ctx);

  std::unique_ptr<Connection> connection_;
  CopyMessage message_;
  BackupEnd end_;
  bool copy_ended_ = false;
};

}  // namespace drkit::systems::postgres
