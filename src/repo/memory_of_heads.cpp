#include "repo/memory_of_heads.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <sstream>

#include "base/hex.hpp"
#include "base/posix_file.hpp"
#include "crypto/random.hpp"

namespace drkit::repo {
namespace {

std::string heads_path(const Repository::Impl& impl) { return impl.cache_directory + "/heads"; }

std::string print(const std::vector<format::Predecessor>& heads) {
  std::string text;
  for (const format::Predecessor& head : heads) text += head.id + " " + base::to_hex(head.object_digest) + "\n";
  return text;
}

// Threads and processes store at the same time: each through a file of its own.
Result<void> replace_heads(const Repository::Impl& impl, const std::vector<format::Predecessor>& heads) {
  std::array<std::byte, 8> unique{};
  crypto::system_random().fill(unique);
  const std::string temporary = heads_path(impl) + "." + base::to_hex(unique);
  DRKIT_ASSIGN(base::UniqueFd file, base::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600));
  auto written = base::write_full(file.get(), as_bytes(print(heads)), temporary);
  if (written) written = base::fsync_file(file.get(), temporary);
  if (written) written = file.close(temporary);
  if (written) written = base::rename_replace(AT_FDCWD, temporary, AT_FDCWD, heads_path(impl));
  if (!written) ::unlink(temporary.c_str());
  return written;
}

}  // namespace

Result<std::vector<format::Predecessor>> load_heads(const Repository::Impl& impl) {
  std::vector<format::Predecessor> heads;
  if (impl.cache_directory.empty()) return heads;
  auto file = base::open_file(heads_path(impl), O_RDONLY);
  if (!file && file.error().code() == ErrorCode::not_found) return heads;
  if (!file) return std::move(file).error();
  Bytes bytes(std::size_t{1} << 20);
  DRKIT_ASSIGN(const std::size_t size, base::read_full(file->get(), bytes, heads_path(impl)));
  std::istringstream lines(std::string(as_text(ByteView(bytes).first(size))));
  std::string id, digest;
  while (lines >> id >> digest) {
    if (const auto value = base::array_from_hex<32>(digest)) heads.push_back({id, *value});
  }
  return heads;
}

void store_heads(const Context& ctx, const Repository::Impl& impl, const std::vector<format::Predecessor>& heads) {
  if (impl.cache_directory.empty()) return;
  const auto before = load_heads(impl);
  if (before && *before == heads) return;
  const auto stored = replace_heads(impl, heads);
  if (!stored) ctx.write_log(LogLevel::warning, "newest snapshots not remembered: " + stored.error().to_string());
}

}  // namespace drkit::repo
