// One file's content in order, for pipes and for reading single files.
#pragma once

#include <drkit/spi/target.hpp>

#include "repo/manifest_reader.hpp"

namespace drkit::engine {

/// Writes the content to the sink from offset 0 on, holes as zeros; every chunk is verified. The sink is not closed.
Result<void> write_in_order(const Context& ctx, repo::ChunkReader& chunks, const format::Record& record, Sink& sink);

}  // namespace drkit::engine
