#include <doctest/doctest.h>

#include <random>

#include "systems/postgres/crc32c.hpp"
#include "systems/postgres/manifest_digest.hpp"
#include "systems/postgres/sha256.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;

namespace {

std::string sha256_of(const std::string& text, std::size_t step) {
  Sha256 hash;
  for (std::size_t at = 0; at < text.size(); at += step) hash.update(as_bytes(std::string_view(text).substr(at, step)));
  return to_hex(hash.finish());
}

}  // namespace

TEST_CASE("SHA-256 gives the standard's examples") {
  CHECK(sha256_of("", 1) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_of("abc", 1) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 5) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_of(std::string(1000000, 'a'), 999) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("CRC-32C gives the known value, by instruction and by table, in pieces of any size") {
  Crc32c check;
  check.update(as_bytes("123456789"));
  CHECK(check.value() == 0xE3069283);
  std::mt19937 random(1);
  std::string text(4099, '\0');
  for (char& c : text) c = static_cast<char>(random());
  const std::uint32_t whole = crc32c_portable(0xFFFFFFFF, as_bytes(text));
  if (crc32c_has_instruction()) CHECK(crc32c_instruction(0xFFFFFFFF, as_bytes(text)) == whole);
  for (const std::size_t step : {1U, 3U, 8U, 1000U}) {
    Crc32c pieces;
    for (std::size_t at = 0; at < text.size(); at += step)
      pieces.update(as_bytes(std::string_view(text).substr(at, step)));
    CHECK(pieces.value() == static_cast<std::uint32_t>(~whole));
  }
}

TEST_CASE("a manifest's own checksum is found in pieces of any size, and any change is seen") {
  std::string body = "{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n";
  while (body.size() < 200000) body += "{ \"Path\": \"base/1/" + std::to_string(body.size()) + "\" },\n";
  const std::string text = body + "\"Manifest-Checksum\": \"" + sha256_of(body, 100000) + "\"}\n";
  const auto outcome = [](const std::string& manifest, std::size_t step) {
    ManifestDigest digest;
    for (std::size_t at = 0; at < manifest.size(); at += step) {
      digest.update(as_bytes(std::string_view(manifest).substr(at, step)));
    }
    return digest.finish();
  };
  for (const std::size_t step : {1U, 100U, 65536U, 1000000U}) CHECK(outcome(text, step).ok());
  for (std::size_t at = 0; at < text.size(); at += 997) {
    std::string bad = text;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    CHECK_FALSE(outcome(bad, 50000).ok());
  }
  for (std::size_t cut = 1; cut < 120; ++cut) CHECK_FALSE(outcome(text.substr(0, text.size() - cut), 50000).ok());
  CHECK_FALSE(outcome("", 1).ok());
}
