#include "systems/filesystem/restore_journal.hpp"

#include <cstring>

namespace drkit::systems::filesystem {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;

template <class T>
void put(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}
void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

// The record was written by this process a moment ago; short input can only mean that the file was cut meanwhile.
struct Reader {
  std::string_view left;
  bool cut = false;
  std::string_view take(std::size_t size) {
    cut = cut || size > left.size();
    const std::string_view part = left.substr(0, cut ? 0 : size);
    left.remove_prefix(part.size());
    return part;
  }
  template <class T>
  T number() {
    T value{};
    const std::string_view part = take(sizeof value);
    if (!cut) std::memcpy(&value, part.data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(take(number<std::uint32_t>())); }
};

std::string encode(const Entry& entry) {
  std::string out;
  put(out, entry.type);
  put(out, entry.mode);
  put(out, entry.uid);
  put(out, entry.gid);
  put(out, entry.mtime_ns);
  put_text(out, entry.path);
  put_text(out, entry.link_target);
  put(out, static_cast<std::uint32_t>(entry.xattrs.size()));
  for (const ExtendedAttribute& xattr : entry.xattrs) {
    put_text(out, xattr.name);
    put_text(out, xattr.value);
  }
  put(out, static_cast<std::uint32_t>(out.size()));
  return out;
}

}  // namespace

Result<void> RestoreJournal::push(const Entry& entry) {
  buffer_ += encode(entry);
  return buffer_.size() < kBuffer ? Result<void>() : flush();
}

Result<void> RestoreJournal::flush() {
  DRKIT_TRY(base::pwrite_full(file_.get(), as_bytes(buffer_), size_, kIncompleteMarker));
  size_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<Entry> RestoreJournal::pop() {
  DRKIT_TRY(flush());
  const Error cut(ErrorCode::io, "the restore's marker file was changed by somebody else");
  std::uint32_t length = 0;
  if (size_ < sizeof length) return cut;
  size_ -= sizeof length;
  DRKIT_ASSIGN(std::size_t got,
               base::pread_full(file_.get(), std::as_writable_bytes(std::span(&length, 1)), size_, kIncompleteMarker));
  if (got < sizeof length || length > size_) return cut;
  size_ -= length;
  std::string record(length, '\0');
  DRKIT_ASSIGN(got, base::pread_full(file_.get(), std::as_writable_bytes(std::span(record)), size_, kIncompleteMarker));
  Reader reader{record, got < length};
  Entry entry;
  entry.type = reader.number<EntryType>();
  entry.mode = reader.number<std::uint32_t>();
  entry.uid = reader.number<std::uint32_t>();
  entry.gid = reader.number<std::uint32_t>();
  entry.mtime_ns = reader.number<std::int64_t>();
  entry.path = reader.text();
  entry.link_target = reader.text();
  for (auto count = reader.number<std::uint32_t>(); count > 0 && !reader.cut; --count) {
    std::string name = reader.text();
    entry.xattrs.push_back({std::move(name), reader.text()});
  }
  if (reader.cut) return cut;
  return entry;
}

}  // namespace drkit::systems::filesystem
