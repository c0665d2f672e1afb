// Object Lock of everything that a storage keeps: protecting a repository for longer, and holding it without an end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <drkit/registry.hpp>

namespace drkit {

struct RetainOptions {
  std::int64_t until_ns = 0;       ///< nanoseconds since the Unix epoch; 0: retention stays as it is
  std::optional<bool> legal_hold;  ///< set or lift it; nullopt: it stays as it is
  unsigned parallel = 8;           ///< requests at once, 1 to 64
};

/// An object that could not be protected.
struct RetainFailure {
  std::string key;
  std::string reason;  ///< one line
};

struct RetainReport {
  std::uint64_t objects = 0;  ///< those that are now as the options want them
  std::uint64_t bytes = 0;    ///< of these
  std::vector<RetainFailure> failures;
};

/// Protects every object of a storage with Object Lock (`s3://...`, a bucket made for it): the whole repository, with
/// everything that its snapshots refer to. Retention is made longer, never shorter, in the mode that an object has, or
/// else in that of the address (`object_lock=`; governance when there is none). Objects are never rewritten, so a
/// repository whose snapshots are kept needs this from time to time: after each backup, with the days that the oldest
/// kept snapshot shall still live. Objects that were put after the listing began may be left out: they have the
/// retention that they were put with. An object that went meanwhile is no failure.
/// Errors: unsupported (no storage with Object Lock, a bucket without it), invalid_argument (nothing to do, a moment
/// that is not ahead), those of opening and listing. Single objects that refuse are in the report.
DRKIT_API Result<RetainReport> retain_objects(const Context& ctx, std::string_view address,
                                              const StorageOptions& storage, const RetainOptions& options);

}  // namespace drkit
