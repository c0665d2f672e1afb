// Writes the first inputs of the fuzzers of src/format and src/codec: fuzz_make_corpus DIRECTORY.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "codec/codec.hpp"
#include "crypto/sodium.hpp"
#include "format/checkpoint.hpp"
#include "format/keys.hpp"
#include "format/manifest.hpp"
#include "format/pack.hpp"
#include "format/snapshot.hpp"
#include "format/wal.hpp"

using namespace drkit;

namespace {

std::filesystem::path root;

void save(const char* fuzzer, const char* name, ByteView bytes, int selector = -1) {
  std::filesystem::create_directories(root / fuzzer);
  std::ofstream file(root / fuzzer / name, std::ios::binary);
  if (selector >= 0) file.put(static_cast<char>(selector));
  file << as_text(bytes);
}

// As it is, cut, and with a flipped bit.
void save_three(const char* fuzzer, const std::string& name, ByteView bytes, int selector = -1) {
  save(fuzzer, name.c_str(), bytes, selector);
  save(fuzzer, (name + "_cut").c_str(), bytes.first(bytes.size() / 2), selector);
  Bytes flipped(bytes.begin(), bytes.end());
  flipped[flipped.size() / 3] ^= std::byte{0x20};
  save(fuzzer, (name + "_flipped").c_str(), flipped, selector);
}

format::Digest digest(std::uint8_t first) {
  format::Digest value{};
  value[0] = std::byte{first};
  value[31] = std::byte{0x5a};
  return value;
}

format::SealedContentKey content_key() {
  format::SealedContentKey key;
  key.generation = 2;
  key.sealed.fill(std::byte{0x33});
  return key;
}

format::PackDirectory directory() {
  return {{1040, 1, 5000, {{digest(1), 3000}, {digest(2), 2000}}}, {140, 0, 100, {{digest(3), 100}}}};
}

void packs() {
  save_three("pack", "header", format::encode_pack_header({format::PackType::meta, {}, content_key()}), 0);
  save_three("pack", "trailer", format::encode_pack_trailer(300), 1);
  base::ByteWriter out;
  out.u32(1180);
  format::encode_directory(out, directory());
  save_three("pack", "directory", out.view(), 2);
  const format::PackInfo pack{digest(7), 1500, format::PackType::data, content_key(), directory()};
  save_three("index", "segment", format::encode_index({{digest(8)}, {pack, pack}}));
  save_three("index", "empty", format::encode_index({}));
}

format::Record record(std::string path, EntryType type) {
  format::Record made;
  made.entry.path = std::move(path);
  made.entry.type = type;
  made.entry.mode = 0644;
  made.entry.mtime_ns = -5;
  return made;
}

void manifests() {
  std::vector<format::Record> records = {record("", EntryType::directory),  record("a", EntryType::regular),
                                         record("a b", EntryType::symlink), record("a c", EntryType::hardlink),
                                         record("d", EntryType::stream),    record("dev", EntryType::block_device)};
  records[0].entry.user = "u";
  records[0].entry.xattrs = {{"user.x", "value"}, {"user.y", ""}};
  records[1].entry.size_bytes = 10'000;
  records[1].entry.fingerprint = {1, 2, 3};
  records[1].content.extents = {{digest(1), 0, 0, 4096}, {digest(2), 4096, 100, 50}};
  records[2].entry.link_target = "../elsewhere";
  records[3].entry.link_target = "a";
  records[4].entry.problem = Problem{"d", ErrorCode::io, "cannot read"};
  records[4].content.nodes = {{digest(4), 8192, 1U << 30}, {digest(5), 1, 1}};
  records[5].entry.device_number = 2049;
  base::ByteWriter leaf;
  format::begin_leaf(leaf);
  std::string previous;
  for (const format::Record& made : records) {
    format::encode_record(leaf, made, previous);
    previous = made.entry.path;
  }
  save_three("manifest", "leaf", leaf.view());
  save_three("manifest", "inner", format::encode_inner(1, {{digest(1), 100, ""}, {digest(2), 7, "d/x"}}));
  save_three("manifest", "extents", format::encode_extents(records[1].content.extents));
}

void snapshots() {
  format::SnapshotPublic open;
  open.value.source_kind = "filesystem";
  open.value.source_name = "/srv";
  open.value.host = "h";
  open.value.tags = {{"env", "prod"}};
  open.value.stats.bytes = 1'000'000;
  open.predecessors = {{"00112233445566778899aabbccddeeff", digest(9)}};
  const format::SnapshotPrivate closed{
      digest(1), 2, {{"start_lsn", "0/2000028"}}, {{std::string("\xff/x"), ErrorCode::permission_denied, "no"}}};
  save_three("snapshot", "public", format::encode_snapshot_public(open), 1);
  save_three("snapshot", "private", format::encode_snapshot_private(closed), 2);
  const std::string_view negative = R"({"stats":{"bytes":-1},"time_ns":1})";
  save("snapshot", "negative_count", as_bytes(negative), 1);
  const std::string_view wide = R"({"manifest_root":"00","manifest_level":4294967296,"problems":[[]]})";
  save("snapshot", "wide_level", as_bytes(wide), 2);
  save_three("snapshot", "object", format::encode_snapshot({Bytes(60), content_key(), Bytes(50)}), 0);
}

void checkpoints() {
  save_three("checkpoint", "checkpoint", format::encode_checkpoint({-5, "filesystem", "/srv", "h", digest(3), 2}), 0);
  save("checkpoint", "nothing", format::encode_checkpoint({}), 0);
  save_three("checkpoint", "sealed", format::encode_sealed_object({content_key(), Bytes(60, std::byte{0x44})}), 1);
  save("checkpoint", "sealed_nothing", format::encode_sealed_object({content_key(), {}}), 1);
}

void keys() {
  format::Slot slot;
  slot.header.is_password = true;
  slot.header.label = "label";
  slot.header.operations = 3;
  slot.header.memory_bytes = 1 << 26;
  slot.sealed_key_set = Bytes(100, std::byte{0x11});
  save_three("key_slot", "password", format::encode_slot(slot), 0);
  slot.header.is_password = false;
  slot.header.role = KeyRole::write;
  save_three("key_slot", "recipient", format::encode_slot(slot), 0);
  save_three("key_slot", "config", format::encode_config({}), 1);
  format::KeySet set;
  set.data_keys.push_back({1, digest(1), {}});
  set.data_keys.push_back({2, digest(2), {}});
  save_three("key_slot", "full", format::encode_key_set(set, KeyRole::full).view(), 2);
  save_three("key_slot", "write", format::encode_key_set(set, KeyRole::write).view(), 2);
}

void envelopes() {
  const std::string_view payload = "payload";
  save_three("envelope", "index", format::wrap_envelope(format::Kind::index, as_bytes(payload)), 3);
  save_three("envelope", "empty", format::wrap_envelope(format::Kind::lease, {}), 5);
}

void codecs() {
  const std::string text(5000, 'a');
  codec::Encoder encoder;
  Bytes out;
  const auto encoded = encoder.encode(as_bytes(text), 3, out);
  base::ByteWriter input;
  input.u8(static_cast<std::uint8_t>(text.size() & 0xff));
  input.u8(static_cast<std::uint8_t>(text.size() >> 8));
  input.u8(0);
  if (encoded) input.raw(encoded->bytes);
  save_three("codec", "zstd", input.view(), 1);
  save_three("codec", "stored", input.view(), 0);
}

void tails() {
  Bytes tail = format::encode_wal_tail_head();
  for (unsigned i = 0; i < 3; ++i) {
    const Bytes object = format::wrap_envelope(format::Kind::wal, Bytes(250 + 50 * i, std::byte{0x44}));
    const Bytes lead = format::encode_wal_tail_lead(100 + i, object.size());
    tail.insert(tail.end(), lead.begin(), lead.end());
    tail.insert(tail.end(), object.begin(), object.end());
  }
  save_three("wal_tail", "three", tail);
  tail.resize(tail.size() + 500);
  save_three("wal_tail", "zeros_behind", tail);
  save("wal_tail", "empty", {});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !crypto::ready()) return 1;
  root = argv[1];
  packs();
  manifests();
  snapshots();
  checkpoints();
  keys();
  envelopes();
  codecs();
  tails();
  return 0;
}
