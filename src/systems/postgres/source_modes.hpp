// The two ways to back a cluster up, behind make_postgres_source.
#pragma once

#include <memory>
#include <optional>

#include <drkit/postgres.hpp>

#include "systems/postgres/local_place.hpp"

namespace drkit::systems::postgres {

std::unique_ptr<Source> make_stream_source(ConnectionParameters parameters, PostgresOptions options);

/// A session with a server whose data directory lies here.
struct LocalServer {
  std::unique_ptr<LocalSession> session;
  LocalPlace place;
};
/// Errors: as make_postgres_source says of mode local.
Result<LocalServer> find_local_server(const Context& ctx, const ConnectionParameters& parameters,
                                      const PostgresOptions& options);

/// Looks for the server at begin unless one is given.
std::unique_ptr<Source> make_local_source(ConnectionParameters parameters, PostgresOptions options,
                                          std::optional<LocalServer> server = {});

/// Logical backups.
std::unique_ptr<Source> make_dump_source(ConnectionParameters parameters, PostgresOptions options);

/// Chooses at begin.
std::unique_ptr<Source> make_automatic_source(ConnectionParameters parameters, PostgresOptions options);

}  // namespace drkit::systems::postgres
