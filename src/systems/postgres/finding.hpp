// What the checks of this folder saw.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace drkit::systems::postgres {

enum class Severity : std::uint8_t { info, warning, error };

struct Finding {
  Severity severity = Severity::error;
  std::string code;     ///< stable, for example "page_checksum"
  std::string subject;  ///< the file, or "" for the cluster
  std::string message;
  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

}  // namespace drkit::systems::postgres
