// check: runs the checks of a level and collects their findings.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <drkit/spi/check.hpp>

namespace drkit {

struct CheckOptions {
  CheckLevel level = CheckLevel::objects;
  unsigned sample_percent = 100;  ///< of the objects, packs or files looked at; always the same ones for a percentage
  std::string scratch_parent = "/var/tmp";  ///< boot: where the scratch directory is made
  std::vector<std::string> sql;             ///< boot: each statement must succeed; refused below that level
  std::string server_bin_directory;         ///< boot: empty: found by version; refused below that level
};

/// What one check did.
struct CheckRun {
  std::string id;
  std::int64_t duration_ns = 0;
  std::uint64_t looked_at = 0;  ///< objects, chunks, files or statements
  std::string detail;           ///< one line for the report
};

/// What was looked at of one snapshot.
struct CheckedSnapshot {
  std::string id;
  CheckLevel level = CheckLevel::objects;  ///< the highest that was really done
  std::uint64_t entries_missing = 0;       ///< what its backup could not read: such a snapshot is partial
};

/// What a report comes to. Partial never looks like success: it has its own exit code.
enum class CheckStatus : std::uint8_t {
  complete,  ///< everything that was asked for was looked at and is sound
  partial,  ///< no damage, but a snapshot lacks what its backup could not read, or was not looked at as deeply as asked
  damaged,
};

struct Report {
  std::string repository_id;
  std::string storage;                     ///< its address for people, without secrets
  std::string snapshot_id;                 ///< empty: the repository as a whole
  CheckLevel level = CheckLevel::objects;  ///< what was asked for; see snapshots for what was done
  unsigned sample_percent = 100;           ///< of the objects, packs or files; chosen by the SHA-256 of their names
  std::int64_t time_ns = 0;
  std::int64_t duration_ns = 0;
  std::vector<CheckRun> runs;
  std::vector<CheckedSnapshot> snapshots;  ///< every one that was looked at, oldest first
  std::vector<std::string> not_looked_at;  ///< what a reader might take for checked and is not, one line each
  std::vector<Finding> findings;           ///< the first 10 000, each once with the snapshots that it is of
  std::uint64_t findings_left_out = 0;     ///< found after those
  CheckStatus status() const;
  bool ok() const { return status() == CheckStatus::complete; }
  std::uint64_t findings_total() const { return findings.size() + findings_left_out; }
  std::uint64_t entries_missing() const;  ///< of all snapshots
};

/// Runs every check of the level and below that applies. With no snapshot: all snapshots, each on its own, and the
/// packs as a whole. Every level compares what the index lists with what the storage has; the level objects also reads
/// the snapshots' manifests (with a full key) to know whether all that they need is listed and there.
/// Errors: a check that could not look; findings are no errors. invalid_argument: options that the level has no use
/// for, or a level that nothing of what was chosen can reach (a file tree cannot be booted): "highest" names the one
/// that can.
DRKIT_API Result<Report> check(const Context& ctx, const Repository& repository, const Snapshot* snapshot,
                               const std::vector<std::unique_ptr<Check>>& checks, const CheckOptions& options);

/// The level `objects` without a key: reads every object of a storage and compares it with its name or checksum. What
/// is missing shows only as far as the listing tells: not_looked_at says so.
DRKIT_API Result<Report> check_objects(const Context& ctx, Storage& storage, unsigned sample_percent = 100);

DRKIT_API std::string_view check_level_name(CheckLevel level);
DRKIT_API std::string_view check_status_name(CheckStatus status);
DRKIT_API std::string_view severity_name(Severity severity);

}  // namespace drkit
