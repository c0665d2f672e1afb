// Checks, while it streams by, the SHA-256 that the last line of a backup manifest holds over all lines before it.
#pragma once

#include <string>

#include "systems/postgres/sha256.hpp"

namespace drkit::systems::postgres {

class ManifestDigest {
 public:
  void update(ByteView bytes);
  /// Errors: corrupt when the manifest is cut or its checksum does not fit.
  Result<void> finish();

 private:
  Sha256 hash_;
  std::string tail_;  ///< the newest bytes, which may be the last line
};

}  // namespace drkit::systems::postgres
