// Which part of its log a server still has.
#pragma once

#include <functional>

#include "systems/postgres/connection.hpp"
#include "systems/postgres/wal_names.hpp"

namespace drkit::systems::postgres {

/// The first segment in (missing, limit) for which the probe answers yes, else limit. Servers remove the oldest first,
/// so few are asked. REQUIRES: missing is the start of a segment that the server has not got.
Result<Lsn> first_available(Lsn missing, Lsn limit, std::uint64_t segment_bytes,
                            const std::function<Result<bool>(Lsn)>& probe);

/// Whether the server can send the segment that begins here, tried on a connection of its own.
/// Errors: those of connecting, timeout (the server says nothing).
Result<bool> is_available(const Context& ctx, const ConnectionParameters& parameters, TimelineId timeline, Lsn start,
                          std::chrono::milliseconds timeout);

}  // namespace drkit::systems::postgres
