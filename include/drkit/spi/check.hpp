// Check and Finding: what looks whether a snapshot would restore.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <drkit/repository.hpp>

namespace drkit {

enum class Severity : std::uint8_t { note, warning, damage };

/// One thing that a check saw. "Could not look" is an Error of the check, never a finding, and the other way round.
struct Finding {
  Severity severity = Severity::damage;
  std::string code;     ///< stable name such as "object_damaged", "page_checksum", "wal_missing"
  std::string subject;  ///< what: an object's key, a path, "path block 17"
  std::string message;  ///< one line: expected and found
  /// Ids of the snapshots that it was seen in, filled in by check(); empty: it is of the repository as a whole.
  std::vector<std::string> snapshots = {};
};
using FindingSink = std::function<void(Finding)>;

/// Levels of depth; each includes the ones before it.
enum class CheckLevel : std::uint8_t {
  objects,  ///< every stored object has the bytes it was stored with; needs no key
  chunks,   ///< every chunk that the snapshot needs opens and matches its id
  files,    ///< SHA-256 of every file; the system's own checks: manifest, page checksums, WAL chain
  boot,     ///< restored to scratch, started and asked
};

struct CheckInfo {
  std::string id;
  CheckLevel level = CheckLevel::files;
};

/// Where a check may look.
struct CheckInput {
  const Repository& repository;
  const Snapshot& snapshot;
  std::string scratch_directory;     ///< boot: an own empty directory on a big enough file system
  std::vector<std::string> sql;      ///< boot: statements to run
  std::string server_bin_directory;  ///< boot: empty: found by version
};

/// What a check did, for the report.
struct CheckSummary {
  std::uint64_t looked_at = 0;  ///< files or statements
  std::string detail;           ///< one line
};

/// Sees the content of every file of a snapshot in path order, read once for all observers.
/// Thread-safety: one thread.
class DRKIT_API ContentObserver {
 public:
  virtual ~ContentObserver() = default;
  virtual void begin_file(const Entry& entry) = 0;
  virtual void data(ByteView bytes) = 0;
  /// readable: false when a part of the content is damaged and was left out; that is reported already.
  virtual void end_file(const Entry& entry, bool readable, const FindingSink& report) = 0;
  virtual Result<CheckSummary> finish(const FindingSink& report) = 0;
};

/// Looks at one snapshot: either by observing its content, or by a run of its own.
/// Thread-safety: one thread.
class DRKIT_API Check {
 public:
  virtual ~Check() = default;
  virtual CheckInfo info() const = 0;
  virtual bool applies_to(const Snapshot& snapshot) const = 0;
  /// Null when the check runs by itself. Errors: the check cannot look.
  virtual Result<std::unique_ptr<ContentObserver>> observe(const Context&, const CheckInput&) {
    return std::unique_ptr<ContentObserver>();
  }
  virtual Result<CheckSummary> run(const Context&, const CheckInput&, const FindingSink&) { return CheckSummary{}; }
};

}  // namespace drkit
