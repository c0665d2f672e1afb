// Conformance: what every implementation of an interface has to do, as cases that any test framework can run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <drkit/spi/storage.hpp>

namespace drkit {

/// One case of a suite. No failure means that it passed.
struct CaseResult {
  std::string name;
  std::optional<std::string> failure;  ///< one line: what was expected and what came
};

/// Runs every case, each on a fresh, empty, writable storage, and answers all of them in a fixed order.
/// A case that does not apply (a race where create-if-absent is not atomic) is left out. The suite holds up to
/// 130 MiB of memory, stores up to 40 MiB and removes nothing at the end: make_fresh's storages are the caller's.
/// Errors of make_fresh are failures of the case. Thread-safety: uses up to 8 threads, all gone when it returns.
DRKIT_API std::vector<CaseResult> run_storage_suite(const Context& ctx,
                                                    const std::function<Result<StoragePtr>()>& make_fresh);

}  // namespace drkit
