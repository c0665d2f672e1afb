// A byte that chooses the kind of file, its text; the text as a command line, too.
#include "fuzz/property.hpp"
#include "storage/s3/profiles.hpp"
#include "storage/s3/program.hpp"

using namespace drkit;
using namespace drkit::storage::s3;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = as_text(fuzz::view(data + 1, size - 1));
  const ProfileFile kind = data[0] % 2 == 0 ? ProfileFile::config : ProfileFile::credentials;
  const auto profiles = parse_profiles(text, kind);
  // A part of the text is never shown: it may be the secret. The one thing said is where.
  if (!profiles) fuzz::require(profiles.error().context().size() == 1);
  if (const auto words = split_command(text); words) fuzz::require(!words->empty());
  return 0;
}
