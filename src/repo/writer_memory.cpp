#include "repo/writer_memory.hpp"

#include <cstring>

#include "base/hex.hpp"
#include "crypto/cipher.hpp"
#include "crypto/kdf.hpp"
#include "crypto/sha256.hpp"
#include "repo/keyring.hpp"

namespace drkit::repo {
namespace {

constexpr std::string_view kPurpose = "drkit writer memory 1";
constexpr std::string_view kMagic = "drkitwm1";
constexpr std::size_t kNameBytes = 16;
constexpr std::uint64_t kMaxDirectoryBytes = std::uint64_t{128} << 20;
constexpr std::uint32_t kMaxChunkBytes = std::uint32_t{64} << 20;
constexpr int kLevel = 1;
constexpr std::uint64_t kMaxItems = std::uint64_t{1} << 24;

Error damaged(std::string_view problem) { return format::corrupt("this machine's memory of its last backup", problem); }

std::string file_name_of(const Secret& key, const CheckpointOwner& owner) {
  base::ByteWriter named;
  named.text(kPurpose);
  named.text(owner.source_kind);
  named.text(owner.source_name);
  named.text(owner.host);
  return base::to_hex(ByteView(keyed_tag(key, named.view())).first(kNameBytes));
}

}  // namespace

std::size_t ChunkIdHash::operator()(const crypto::ChunkId& id) const {
  std::size_t value = 0;
  std::memcpy(&value, id.data(), sizeof value);
  return value;
}

MemorySeal::MemorySeal(const Repository::Impl& impl, const CheckpointOwner& owner)
    : key_(crypto::derive_key(impl.keys.id_key, kPurpose)),
      id_key_(impl.keys.id_key.clone()),
      repository_(impl.id),
      name_(file_name_of(key_, owner)),
      folder_(impl.cache_directory + "/writer") {}

// A memory of another repository or source opens as little as a part in the place of another.
Bytes MemorySeal::associated(std::string_view part, ByteView identity) const {
  base::ByteWriter out;
  out.text(kPurpose);
  out.raw(repository_);
  out.text(name_);
  out.text(part);
  out.raw(identity);
  return out.take();
}

// Extents of scattered pages repeat the id of the chunk that holds them all.
Result<Bytes> MemorySeal::seal_chunk(const crypto::ChunkId& id, ByteView plain, codec::Encoder& encoder) const {
  base::LargeBuffer scratch;
  DRKIT_ASSIGN(const codec::Encoded encoded, encoder.encode(plain, kLevel, scratch));
  base::ByteWriter out;
  out.u8(static_cast<std::uint8_t>(encoded.codec));
  out.u32(static_cast<std::uint32_t>(plain.size()));
  out.raw(encoded.bytes);
  return crypto::seal_bytes(key_.view(), associated("chunk", id), out.view(), crypto::system_random());
}

Result<Bytes> MemorySeal::open_chunk(format::PackType type, const crypto::ChunkId& id, ByteView sealed) const {
  const auto opened = crypto::open_bytes(key_.view(), associated("chunk", id), sealed);
  if (!opened) return damaged("a part of it does not open");
  base::ByteReader in(*opened);
  const auto codec = static_cast<codec::CodecId>(in.u8());
  const std::uint32_t size = in.u32();
  if (!in.ok() || size > kMaxChunkBytes) return damaged("a part of it is malformed");
  Bytes plain(size);
  if (!codec::decode(codec, in.raw(in.left()), plain)) return damaged("a part of it does not decode");
  if (crypto::chunk_id(id_key_, static_cast<std::uint8_t>(type), crypto::sha256(plain)) == id) return plain;
  return damaged("a part of it is another than its id says");
}

Result<Bytes> MemorySeal::seal_directory(ByteView plain) const {
  return crypto::seal_bytes(key_.view(), associated("directory", {}), plain, crypto::system_random());
}

Result<Bytes> MemorySeal::open_directory(ByteView sealed) const {
  auto plain = crypto::open_bytes(key_.view(), associated("directory", {}), sealed);
  if (!plain) return damaged("its directory does not open: it is damaged, or another repository's or source's");
  return plain;
}

Bytes encode_memory_directory(const RememberedSnapshot& snapshot, const MemoryPlaces& places) {
  base::ByteWriter out;
  out.text(snapshot.id);
  out.raw(snapshot.object_digest);
  out.raw(snapshot.manifest.node);
  out.varint(snapshot.manifest.level);
  out.varint(snapshot.receipt.size());
  for (const auto& [key, value] : snapshot.receipt) {
    out.text(key);
    out.text(value);
  }
  out.varint(snapshot.problems.size());
  for (const Problem& problem : snapshot.problems) {
    out.text(problem.path);
    out.u32(static_cast<std::uint32_t>(problem.code));
    out.text(problem.message);
  }
  out.varint(places.size());
  for (const auto& [id, place] : places) {
    out.raw(id);
    out.varint(place.offset);
    out.varint(place.sealed_bytes);
  }
  return out.take();
}

Result<void> decode_memory_directory(ByteView plain, RememberedSnapshot& snapshot, MemoryPlaces& places) {
  base::ByteReader in(plain);
  snapshot.id = in.text();
  snapshot.object_digest = in.array<32>();
  snapshot.manifest.node = in.array<32>();
  snapshot.manifest.level = static_cast<unsigned>(in.varint_upto(255));
  for (std::uint64_t left = in.varint_upto(kMaxItems); left > 0 && in.ok(); --left) {
    std::string key = in.text();
    snapshot.receipt[std::move(key)] = in.text();
  }
  for (std::uint64_t left = in.varint_upto(kMaxItems); left > 0 && in.ok(); --left) {
    Problem& problem = snapshot.problems.emplace_back();
    problem.path = in.text();
    problem.code = static_cast<ErrorCode>(in.u32());
    problem.message = in.text();
  }
  for (std::uint64_t left = in.varint_upto(kMaxItems); left > 0 && in.ok(); --left) {
    const auto id = in.array<32>();
    const std::uint64_t offset = in.varint_upto(kMaxMemoryBytes);
    places[id] = {offset, static_cast<std::uint32_t>(in.varint_upto(2 * kMaxChunkBytes))};
  }
  return in.done() ? Result<void>() : damaged("its directory is malformed");
}

Bytes encode_memory_trailer(const MemoryTrailer& trailer) {
  base::ByteWriter out;
  out.u64(trailer.offset);
  out.u32(trailer.sealed_bytes);
  out.raw(as_bytes(kMagic));
  return out.take();
}

Result<MemoryTrailer> decode_memory_trailer(ByteView bytes) {
  base::ByteReader in(bytes);
  MemoryTrailer trailer;
  trailer.offset = in.u64();
  trailer.sealed_bytes = in.u32();
  if (as_text(in.raw(kMagic.size())) != kMagic || !in.done()) return damaged("it does not end as one");
  return trailer;
}

std::shared_ptr<WriterMemory> WriterMemory::open(const Context& ctx, const Repository::Impl& impl,
                                                 const CheckpointOwner& owner) {
  if (impl.keys.role == KeyRole::full || impl.cache_directory.empty()) return nullptr;
  auto loaded = load(MemorySeal(impl, owner));
  if (loaded) return std::move(*loaded);
  if (loaded.error().code() == ErrorCode::not_found) {
    ctx.write_log(LogLevel::info, "this machine remembers no backup of this source: everything is read");
  } else {
    ctx.write_log(LogLevel::warning, "everything is read: " + loaded.error().to_string());
  }
  return nullptr;
}

Result<std::shared_ptr<WriterMemory>> WriterMemory::load(MemorySeal seal) {
  std::shared_ptr<WriterMemory> memory(new WriterMemory(std::move(seal)));
  DRKIT_ASSIGN(memory->file_, base::open_file(memory->seal_.path(), O_RDONLY | O_NOFOLLOW));
  DRKIT_TRY(memory->read_directory());
  return memory;
}

Result<void> WriterMemory::read_directory() {
  const std::string path = seal_.path();
  DRKIT_ASSIGN(const std::uint64_t size, base::size_of_file(file_.get(), path));
  if (size < MemoryTrailer::kBytes) return damaged("it is cut short");
  Bytes end(MemoryTrailer::kBytes);
  DRKIT_ASSIGN(std::size_t got, base::pread_full(file_.get(), end, size - end.size(), path));
  DRKIT_ASSIGN(const MemoryTrailer trailer, decode_memory_trailer(ByteView(end).first(got)));
  const std::uint64_t room = size - end.size();
  if (trailer.sealed_bytes > kMaxDirectoryBytes || trailer.offset > room ||
      trailer.sealed_bytes != room - trailer.offset) {
    return damaged("it does not end as one");
  }
  Bytes sealed(trailer.sealed_bytes);
  DRKIT_ASSIGN(got, base::pread_full(file_.get(), sealed, trailer.offset, path));
  DRKIT_ASSIGN(const Bytes plain, seal_.open_directory(ByteView(sealed).first(got)));
  return decode_memory_directory(plain, snapshot_, places_);
}

Result<Bytes> WriterMemory::read(const Context&, format::PackType type, const crypto::ChunkId& id) {
  const auto place = places_.find(id);
  if (place == places_.end()) return damaged("it lacks a part");
  Bytes sealed(place->second.sealed_bytes);
  auto got = base::pread_full(file_.get(), sealed, place->second.offset, seal_.path());
  // A disk that cannot read it says nothing of the backup: it is a memory that is lost.
  if (!got) return damaged(got.error().message());
  return seal_.open_chunk(type, id, ByteView(sealed).first(*got));
}

}  // namespace drkit::repo
