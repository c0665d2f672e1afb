// Probe: what a storage really does, whatever its description says, and whether a repository is safe on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/spi/storage.hpp>

namespace drkit {

enum class ProbeVerdict : std::uint8_t {
  ok = 0,
  degraded = 1,  ///< slower, or something is missing that a repository does without
  unsafe = 2,    ///< a repository could lose or mix up data
};
/// "ok", "degraded", "unsafe".
DRKIT_API std::string_view probe_verdict_name(ProbeVerdict verdict);

/// One thing that was looked at.
struct ProbeItem {
  std::string id;  ///< stable: "round_trip", "conditional_put", "conditional_race", ...
  ProbeVerdict verdict = ProbeVerdict::ok;
  std::string explanation;  ///< one line
  double value = 0;         ///< what was measured; 0 without a unit
  std::string unit;         ///< "bytes/s", "objects/s", "s"; "": nothing was measured
};

struct ProbeReport {
  std::string storage;                      ///< its name, without secrets
  ProbeVerdict verdict = ProbeVerdict::ok;  ///< the worst of the items
  std::string summary;                      ///< one line: safe for a repository or not, and why
  std::vector<ProbeItem> items;
  std::int64_t started_ns = 0;
  std::int64_t duration_ns = 0;
  bool safe() const { return verdict != ProbeVerdict::unsafe; }
};

struct ProbeOptions {
  std::uint64_t object_bytes = std::uint64_t{8} << 20;  ///< of the large objects; at most 256 MiB
  unsigned small_objects = 32;                          ///< for the rate; 1 to 10000
};

/// Looks at a writable storage from the outside, under a prefix of its own (`drkit-probe-` and random digits) that
/// nothing else uses, and removes what it put, also when it fails or is cancelled. An answer holds for the moment and
/// for this way to the storage: what a proxy or another region does later nobody knows.
/// Errors: those of a storage that cannot be asked (unavailable, unauthenticated, permission_denied for its first put,
/// cancelled, ...); what it does wrong is an item and no error. Thread-safety: uses up to 8 threads, all gone when it
/// returns.
DRKIT_API Result<ProbeReport> probe_storage(const Context& ctx, Storage& storage, const ProbeOptions& options = {});

}  // namespace drkit
