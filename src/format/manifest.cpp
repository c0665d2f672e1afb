#include "format/manifest.hpp"

#include <algorithm>
#include <limits>

#include <drkit/spi/source.hpp>

namespace drkit::format {
namespace {

// Which optional fields follow. Unknown bits are refused: they would change what a restore does.
constexpr std::uint64_t kHasNames = 1;
constexpr std::uint64_t kHasLink = 2;
constexpr std::uint64_t kHasDevice = 4;
constexpr std::uint64_t kHasXattrs = 8;
constexpr std::uint64_t kHasFingerprint = 16;
constexpr std::uint64_t kHasProblem = 32;
constexpr std::uint64_t kHasContent = 64;
constexpr std::uint64_t kIndirect = 128;
constexpr std::uint64_t kNoDigest = 256;
constexpr std::uint64_t kAllFlags = 511;

std::uint64_t flags_of(const Record& record) {
  const Entry& e = record.entry;
  std::uint64_t flags = 0;
  if (!e.user.empty() || !e.group.empty()) flags |= kHasNames;
  if (!e.link_target.empty()) flags |= kHasLink;
  if (e.device_number != 0) flags |= kHasDevice;
  if (!e.xattrs.empty()) flags |= kHasXattrs;
  if (e.fingerprint != Fingerprint{}) flags |= kHasFingerprint;
  if (e.problem) flags |= kHasProblem;
  if (e.type == EntryType::regular || e.type == EntryType::stream) flags |= kHasContent;
  if (!record.content.nodes.empty()) flags |= kIndirect;
  // An entry with a problem was not read: its zeros are part of what it says.
  if ((flags & kHasContent) != 0 && !e.problem && e.sha256 == Sha256Digest{}) flags |= kNoDigest;
  return flags;
}

void encode_extent_list(base::ByteWriter& out, const std::vector<Extent>& extents) {
  out.varint(extents.size());
  for (const Extent& extent : extents) {
    out.raw(extent.chunk);
    out.varint(extent.gap_bytes);
    out.varint(extent.chunk_offset);
    out.varint(extent.length_bytes);
  }
}

std::vector<Extent> decode_extent_list(base::ByteReader& in) {
  constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();
  const std::uint64_t count = in.varint_upto(in.left() / 35);
  std::vector<Extent> extents;
  extents.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    Extent extent;
    extent.chunk = in.array<32>();
    extent.gap_bytes = in.varint();
    extent.chunk_offset = static_cast<std::uint32_t>(in.varint_upto(kMax32));
    extent.length_bytes = static_cast<std::uint32_t>(in.varint_upto(kMax32));
    if (extent.length_bytes == 0) in.fail();
    extents.push_back(extent);
  }
  return extents;
}

void encode_content(base::ByteWriter& out, const Record& record, std::uint64_t flags) {
  if ((flags & kNoDigest) == 0) out.raw(record.entry.sha256);
  if (record.content.nodes.empty()) return encode_extent_list(out, record.content.extents);
  out.varint(record.content.nodes.size());
  for (const ExtentNodeRef& ref : record.content.nodes) {
    out.raw(ref.node);
    out.varint(ref.extents);
    out.varint(ref.bytes);
  }
}

void decode_content(base::ByteReader& in, std::uint64_t flags, Record& record) {
  if ((flags & kNoDigest) == 0) record.entry.sha256 = in.array<32>();
  if ((flags & kIndirect) == 0) {
    record.content.extents = decode_extent_list(in);
    return;
  }
  const std::uint64_t count = in.varint_upto(in.left() / 34);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    ExtentNodeRef ref;
    ref.node = in.array<32>();
    ref.extents = in.varint();
    ref.bytes = in.varint();
    record.content.nodes.push_back(ref);
  }
}

void encode_optional(base::ByteWriter& out, const Entry& e, std::uint64_t flags) {
  if (flags & kHasNames) {
    out.text(e.user);
    out.text(e.group);
  }
  if (flags & kHasLink) out.text(e.link_target);
  if (flags & kHasDevice) out.varint(e.device_number);
  if (flags & kHasXattrs) {
    out.varint(e.xattrs.size());
    for (const ExtendedAttribute& attribute : e.xattrs) {
      out.text(attribute.name);
      out.text(attribute.value);
    }
  }
  if (flags & kHasFingerprint) {
    out.varint(e.fingerprint.device);
    out.varint(e.fingerprint.inode);
    out.i64(e.fingerprint.ctime_ns);
  }
  if (flags & kHasProblem) {
    out.u32(static_cast<std::uint32_t>(e.problem->code));
    out.text(e.problem->message);
  }
}

void decode_optional(base::ByteReader& in, std::uint64_t flags, Entry& e) {
  if (flags & kHasNames) {
    e.user = in.text();
    e.group = in.text();
  }
  if (flags & kHasLink) e.link_target = in.text();
  if (flags & kHasDevice) e.device_number = in.varint();
  if (flags & kHasXattrs) {
    const std::uint64_t count = in.varint_upto(in.left() / 2);
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
      ExtendedAttribute attribute;
      attribute.name = in.text();
      attribute.value = in.text();
      e.xattrs.push_back(std::move(attribute));
    }
  }
  if (flags & kHasFingerprint) {
    e.fingerprint.device = in.varint();
    e.fingerprint.inode = in.varint();
    e.fingerprint.ctime_ns = in.i64();
  }
  if (flags & kHasProblem) {
    const auto code = static_cast<ErrorCode>(in.u32());
    e.problem = Problem{e.path, code, in.text()};
  }
}

std::size_t shared_prefix(std::string_view path, std::string_view previous) {
  const auto end = std::mismatch(path.begin(), path.end(), previous.begin(), previous.end()).first;
  return static_cast<std::size_t>(end - path.begin());
}

bool valid_type(std::uint8_t type) { return type >= 1 && type <= 9; }

}  // namespace

bool clean_path(std::string_view path) {
  if (path.empty()) return true;
  if (path.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

void encode_record(base::ByteWriter& out, const Record& record, std::string_view previous_path) {
  const Entry& e = record.entry;
  const std::size_t shared = shared_prefix(e.path, previous_path);
  const std::uint64_t flags = flags_of(record);
  base::ByteWriter body;
  body.varint(shared);
  body.text(std::string_view(e.path).substr(shared));
  body.u8(static_cast<std::uint8_t>(e.type));
  body.varint(flags);
  body.varint(e.mode);
  body.varint(e.uid);
  body.varint(e.gid);
  body.i64(e.mtime_ns);
  body.varint(e.size_bytes);
  encode_optional(body, e, flags);
  if (flags & kHasContent) encode_content(body, record, flags);
  out.blob(body.view());
}

Result<Record> decode_record(base::ByteReader& in, std::string_view previous_path) {
  base::ByteReader body(in.blob());
  Record record;
  Entry& e = record.entry;
  const std::uint64_t shared = body.varint_upto(previous_path.size());
  e.path = std::string(previous_path.substr(0, static_cast<std::size_t>(shared))) + body.text();
  const std::uint8_t type = body.u8();
  const std::uint64_t flags = body.varint_upto(kAllFlags);
  e.mode = static_cast<std::uint32_t>(body.varint_upto(07777));
  e.uid = static_cast<std::uint32_t>(body.varint_upto(std::numeric_limits<std::uint32_t>::max()));
  e.gid = static_cast<std::uint32_t>(body.varint_upto(std::numeric_limits<std::uint32_t>::max()));
  e.mtime_ns = body.i64();
  e.size_bytes = body.varint();
  decode_optional(body, flags, e);
  if (flags & kHasContent) decode_content(body, flags, record);
  if (!in.ok() || !body.done() || !valid_type(type)) return corrupt("manifest", "a record is damaged");
  e.type = static_cast<EntryType>(type);
  // One encoding for a value: flags say exactly what is there, and as much of the path as possible is shared.
  if (flags != flags_of(record) || shared != shared_prefix(e.path, previous_path)) {
    return corrupt("manifest", "a record is not in its one form");
  }
  if (e.type == EntryType::hardlink && (e.link_target.empty() || !clean_path(e.link_target))) {
    return corrupt("manifest", "a hard link leaves its tree");
  }
  if (!clean_path(e.path)) return corrupt("manifest", "a path is absolute or leaves its tree");
  return record;
}

void begin_leaf(base::ByteWriter& out) { out.u8(static_cast<std::uint8_t>(NodeType::leaf)); }

Bytes encode_inner(unsigned level, const std::vector<NodeRef>& children) {
  base::ByteWriter out;
  out.u8(static_cast<std::uint8_t>(NodeType::inner));
  out.u8(static_cast<std::uint8_t>(level));
  out.varint(children.size());
  for (const NodeRef& child : children) {
    out.raw(child.node);
    out.varint(child.records);
    out.text(child.first_path);
  }
  return out.take();
}

Bytes encode_extents(const std::vector<Extent>& extents) {
  base::ByteWriter out;
  out.u8(static_cast<std::uint8_t>(NodeType::extents));
  encode_extent_list(out, extents);
  return out.take();
}

Result<base::ByteReader> open_leaf(ByteView node) {
  base::ByteReader in(node);
  if (in.u8() != static_cast<std::uint8_t>(NodeType::leaf) || !in.ok()) return corrupt("manifest", "no leaf here");
  return in;
}

Result<InnerNode> decode_inner(ByteView node) {
  base::ByteReader in(node);
  if (in.u8() != static_cast<std::uint8_t>(NodeType::inner)) return corrupt("manifest", "no inner node here");
  InnerNode inner;
  inner.level = in.u8();
  const std::uint64_t count = in.varint_upto(in.left() / 34);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    NodeRef child;
    child.node = in.array<32>();
    child.records = in.varint();
    child.first_path = in.text();
    const bool ascending =
        inner.children.empty() || entry_path_less(inner.children.back().first_path, child.first_path);
    if (!ascending || child.records == 0 || !clean_path(child.first_path)) in.fail();
    inner.children.push_back(std::move(child));
  }
  if (!in.done() || inner.level == 0 || inner.children.empty()) return corrupt("manifest", "an inner node is damaged");
  return inner;
}

Result<std::vector<Extent>> decode_extents(ByteView node) {
  base::ByteReader in(node);
  if (in.u8() != static_cast<std::uint8_t>(NodeType::extents)) return corrupt("manifest", "no extent node here");
  std::vector<Extent> extents = decode_extent_list(in);
  if (!in.done()) return corrupt("manifest", "an extent node is damaged");
  return extents;
}

}  // namespace drkit::format
