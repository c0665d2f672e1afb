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
  std::vector<std::string> sql;             ///< boot: each statement must succeed
  std::string server_bin_directory;         ///< boot: empty: found by version
};

/// What one check did.
struct CheckRun {
  std::string id;
  std::int64_t duration_ns = 0;
  std::uint64_t looked_at = 0;  ///< objects, chunks, files or statements
  std::string detail;           ///< one line for the report
};

struct Report {
  std::string repository_id;
  std::string snapshot_id;  ///< empty: the repository as a whole
  CheckLevel level = CheckLevel::objects;
  std::int64_t time_ns = 0;
  std::int64_t duration_ns = 0;
  std::vector<CheckRun> runs;
  std::vector<Finding> findings;        ///< the first 10 000
  std::uint64_t findings_left_out = 0;  ///< found after those
  bool ok() const;                      ///< no finding of severity damage
  std::uint64_t findings_total() const { return findings.size() + findings_left_out; }
};

/// Runs every check of the level and below that applies. With no snapshot: all snapshots, each on its own, and the
/// packs as a whole.
/// Errors: a check that could not look; findings are no errors.
DRKIT_API Result<Report> check(const Context& ctx, const Repository& repository, const Snapshot* snapshot,
                               const std::vector<std::unique_ptr<Check>>& checks, const CheckOptions& options);

/// The level `objects` without a key: reads every object of a storage and compares it with its name or checksum.
DRKIT_API Result<Report> check_objects(const Context& ctx, Storage& storage, unsigned sample_percent = 100);

DRKIT_API std::string_view check_level_name(CheckLevel level);
DRKIT_API std::string_view severity_name(Severity severity);

}  // namespace drkit
