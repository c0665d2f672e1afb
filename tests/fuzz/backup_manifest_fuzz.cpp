// PostgreSQL's backup_manifest. Its last line holds a checksum of the rest, which is put right here so that a fuzzer
// gets behind it.
#include "base/hex.hpp"
#include "crypto/sha256.hpp"
#include "fuzz/property.hpp"
#include "systems/postgres/backup_manifest.hpp"

using namespace drkit;

namespace {

void read(std::string_view text) {
  std::uint64_t files = 0;
  const auto facts = systems::postgres::read_backup_manifest(text, [&](const systems::postgres::ManifestFile& file) {
    fuzz::require(!file.path.empty());
    ++files;
    return Result<void>();
  });
  if (facts) fuzz::require(facts->files == files);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(fuzz::view(data, size));
  read(text);
  const std::size_t last = text.rfind("\"Manifest-Checksum\"");
  if (last == std::string_view::npos) return 0;
  const std::string body(text.substr(0, last));
  read(body + "\"Manifest-Checksum\": \"" + base::to_hex(crypto::sha256(as_bytes(body))) + "\"}\n");
  return 0;
}
