// The worked example of docs/format/v1.md: every line of hex there comes out of this library.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "crypto/chunk_id.hpp"
#include "crypto/cipher.hpp"
#include "crypto/sha256.hpp"
#include "format/keys.hpp"
#include "format/manifest.hpp"
#include "format/pack.hpp"
#include "repo/keyring.hpp"
#include "testing/hex.hpp"

using namespace drkit;
using drkit::testing::to_hex;

namespace {

/// count bytes that go up from first.
Bytes ramp(unsigned first, std::size_t count) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>(first + i));
  return bytes;
}

/// The page without blanks and line ends, so that hex may be broken anywhere.
std::string page() {
  std::ifstream file(DRKIT_SOURCE_DIR "/docs/format/v1.md");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

void check_on_page(const char* what, ByteView bytes) {
  static const std::string text = page();
  const std::string hex = to_hex(bytes);
  CHECK_MESSAGE(text.find(hex) != std::string::npos, what << ": " << hex);
}

}  // namespace

TEST_CASE("the worked example of the specification is what the library writes") {
  format::RepositoryId repository{};
  const Bytes id = ramp(0, 16);
  std::copy(id.begin(), id.end(), repository.begin());
  const Secret id_key = Secret::copy_of(ramp(0x20, 32));
  const Secret index_key = Secret::copy_of(ramp(0x80, 32));
  const ByteView plain = as_bytes("hello\n");

  const crypto::ChunkId chunk = crypto::chunk_id(id_key, 1, crypto::sha256(plain));
  check_on_page("sha256", crypto::sha256(plain));
  check_on_page("chunk id", chunk);

  const Bytes associated = format::frame_associated_data(repository, 0, 6);
  check_on_page("associated data of the frame", associated);
  Bytes frame = ramp(0x60, 24);
  frame.resize(24 + 6 + 16);
  REQUIRE(crypto::seal(ramp(0x40, 32), ramp(0x60, 24), associated, plain, std::span(frame).subspan(24)).ok());
  check_on_page("frame", frame);

  base::ByteWriter directory;
  format::encode_directory(directory, {{static_cast<std::uint32_t>(frame.size()), 0, 6, {{chunk, 6}}}});
  check_on_page("directory", directory.view());

  format::Record record;
  record.entry.path = "a";
  record.entry.mode = 0644;
  record.entry.uid = record.entry.gid = 1000;
  record.entry.mtime_ns = 1'700'000'000'000'000'000;
  record.entry.size_bytes = 6;
  record.entry.sha256 = crypto::sha256(plain);
  record.content.extents = {{chunk, 0, 0, 6}};
  base::ByteWriter leaf;
  format::begin_leaf(leaf);
  format::encode_record(leaf, record, "");
  check_on_page("leaf", leaf.view());

  format::Config config;
  config.repository = repository;
  config.created_ns = 1'700'000'000'000'000'000;
  const Bytes body = format::encode_config_body(config);
  config.tag = repo::keyed_tag(index_key, format::associated_data(format::Kind::config, repository, body));
  check_on_page("config", format::wrap_envelope(format::Kind::config, format::encode_config(config)));
}
