// Registry: addresses to storages, sources, targets and checks. The only place that names the drivers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/check.hpp>
#include <drkit/secret.hpp>
#include <drkit/spi/source.hpp>
#include <drkit/spi/storage.hpp>
#include <drkit/spi/target.hpp>

namespace drkit {

struct StorageOptions {
  bool create = false;                        ///< make the place when it does not exist
  std::uint64_t upload_bytes_per_second = 0;  ///< 0: unlimited
  std::uint64_t download_bytes_per_second = 0;
  unsigned attempts = 8;  ///< of retryable failures, with waits of half a minute in all; 1: no retry
  /// Credentials of storages that take some. S3 without a user asks the standard AWS places instead.
  std::string user = {};                     ///< name, or access key id
  Secret password = {};                      ///< password, secret access key, bearer token, or passphrase of key_file
  std::string key_file = {};                 ///< sftp: private key
  std::string agent_socket = {};             ///< sftp: socket of an ssh-agent; "": none
  std::string ca_file = {};                  ///< https: PEM file of authorities to trust instead of the system's
  std::string client_certificate_file = {};  ///< https: PEM file
  std::string client_key_file = {};          ///< https: PEM file
  std::string proxy = {};                    ///< "": none
  unsigned concurrency = 0;  ///< calls under way at once, as with_concurrency(); 0: no limit but the storage's own
  bool read_only = false;    ///< refuse put and remove, as read_only(); nothing is written while opening either
  std::string cache_directory = {};      ///< keep whole objects there, as with_cache(); "": no cache
  std::uint64_t cache_bytes = 1U << 30;  ///< its size
};
/// Opens `file:///dir`, a bare path, `sftp://user@host:port/dir`, `s3://bucket/prefix`, `webdav+https://host/folder`,
/// `nextcloud+https://host/folder` (both also with http), `mirror:ADDRESS|ADDRESS` (each copy with these options) or
/// `mem:`. For S3 this is where the standard variables and files of AWS are read: what neither the
/// address nor the options say comes from there.
/// Errors: invalid_argument, unsupported (scheme), not_found, and the storage's own.
DRKIT_API Result<StoragePtr> open_storage(const Context& ctx, std::string_view address,
                                          const StorageOptions& options = {});

struct SourceOptions {
  std::vector<std::string> excludes;  ///< globs; file trees
  bool one_file_system = false;       ///< file trees
  std::string mode = "auto";          ///< postgres: auto, stream, local
  std::string what = "cluster";       ///< postgres: cluster, dump
  std::uint64_t max_rate_kib = 0;     ///< postgres: server-side limit in KiB/s; 0: none
  /// postgres, dump: these databases; none: that of the address, or all that take connections.
  std::vector<std::string> databases = {};
  std::string bin_dir = {};  ///< postgres, dump: folder of pg_dump; "": looked for, see PostgresOptions
  std::string name = {};     ///< exec: of the stream, and of the source; "": stdout, and the program's
};
/// Opens `file:///dir`, a bare path, `postgres:CONNINFO`, `postgres://...`, or `exec:COMMAND`.
/// Errors: unsupported (scheme), invalid_argument, also for an option that such a source does not look at, and for a
///   password in the address of a server.
DRKIT_API Result<std::unique_ptr<Source>> open_source(const Context& ctx, std::string_view address,
                                                      const SourceOptions& options = {});

struct TargetOptions {
  /// postgres: old location or OID of a tablespace -> new directory.
  std::map<std::string, std::string> tablespaces;
  std::string all_tablespaces_under;  ///< postgres: DIR/OID for those not in `tablespaces`
  bool keep_standby = false;          ///< postgres: the snapshot of a standby starts as one of the same primary
  std::string bin_dir = {};           ///< dump: folder of pg_restore and psql; "": looked for
  unsigned jobs = 2;                  ///< dump: of pg_restore
  bool no_tablespaces = false;        ///< dump: everything goes to the default tablespace
};
/// The target that fits the snapshot's system: a directory, or for dumps a server (`postgres:CONNINFO`), or
/// `exec:COMMAND` fed by a stream, or `-` (standard output).
DRKIT_API Result<std::unique_ptr<RestoreTarget>> open_target(const Context& ctx, std::string_view address,
                                                             const Snapshot& snapshot,
                                                             const TargetOptions& options = {});

/// Every check that the library has.
DRKIT_API std::vector<std::unique_ptr<Check>> builtin_checks();

}  // namespace drkit
