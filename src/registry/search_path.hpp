// Where programs are looked for besides the usual places.
#pragma once

#include <string>

namespace drkit::registry {

/// The variable PATH. Like the variables of libpq and of AWS it is read here, where addresses are opened, alone.
std::string search_path();

}  // namespace drkit::registry
