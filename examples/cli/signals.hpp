// signals: the first SIGINT or SIGTERM asks politely, the second one kills.
#pragma once

#include <drkit/context.hpp>

namespace cli {

/// REQUIRES: called once; the token outlives the process's last signal.
void cancel_on_signals(drkit::CancelToken& token);

/// Makes the descriptors 0, 1 and 2 exist, so that no file opened later takes their number and receives output.
void open_standard_descriptors();

}  // namespace cli
