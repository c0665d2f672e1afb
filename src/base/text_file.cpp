#include "base/text_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace drkit::base {

Result<std::optional<std::string>> read_text_file(const std::string& path) {
  auto file = open_file(path, O_RDONLY);
  if (!file && file.error().code() == ErrorCode::not_found) return std::optional<std::string>();
  if (!file) return std::move(file).error();
  Bytes bytes(std::size_t{1} << 20);
  DRKIT_ASSIGN(const std::size_t size, read_full(file->get(), bytes, path));
  return std::optional(std::string(as_text(ByteView(bytes).first(size))));
}

Result<void> replace_text_file(const std::string& path, std::string_view text, Synced synced) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return errno_error(errno, "cannot make a temporary file", temporary);
  auto written = write_full(file.get(), as_bytes(text), temporary);
  if (written && synced == Synced::yes) written = fsync_file(file.get(), temporary);
  if (written) written = file.close(temporary);
  if (written) written = rename_replace(AT_FDCWD, temporary, AT_FDCWD, path);
  if (!written) ::unlink(temporary.c_str());
  return written;
}

Result<UniqueFd> open_spool_file(const std::string& directory) {
  auto file = open_file(directory, O_RDWR | O_TMPFILE, 0600);
  if (file) return file;
  // File systems that know no unnamed files (NFS, much of FUSE) do with one that loses its name at once.
  std::string temporary = directory + "/spool.XXXXXX";
  UniqueFd named(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!named) return file;
  if (::unlink(temporary.c_str()) != 0) return errno_error(errno, "cannot unlink a temporary file", temporary);
  return named;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("unknown");
}

std::int64_t process_id() { return ::getpid(); }

}  // namespace drkit::base
