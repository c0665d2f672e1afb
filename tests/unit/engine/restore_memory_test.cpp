// A restore keeps to the memory that it was given, also where every pack of one copy is damaged and must be mended.
#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include <drkit/backup.hpp>
#include <drkit/mirror.hpp>
#include <drkit/restore.hpp>
#include <drkit/sources.hpp>

#include "testing/generated_source.hpp"
#include "testing/process.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

constexpr std::uint64_t kMemory = 64 * kMiB;

std::uint64_t stream_bytes() {
  const char* mib = std::getenv("DRKIT_TEST_RESTORE_MIB");
  return (mib != nullptr ? std::strtoull(mib, nullptr, 10) : 160) * kMiB;
}

Result<Mirror> two_places(const std::string& directory) {
  DRKIT_ASSIGN(StoragePtr first, make_local_storage(directory + "/first", {.create = true}));
  DRKIT_ASSIGN(StoragePtr second, make_local_storage(directory + "/second", {.create = true}));
  return mirror({std::move(first), std::move(second)});
}

// With the memory of the default, so that packs have their full size.
int back_up(const std::string& directory) {
  CreateOptions create;
  create.passwords.push_back(Secret::from_text("pw"));
  create.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  const auto both = two_places(directory);
  if (!both) return 1;
  auto repository = Repository::create({}, both->storage, std::move(create));
  GeneratedSource source(stream_bytes(), Generated::random);
  return repository && backup({}, *repository, source) ? 0 : 2;
}

// Exit codes: what restore and mending added to the peak of memory, in units of 2 MiB, or 255 and below for failures.
int restore_and_mend(const std::string& directory) {
  const std::uint64_t before = peak_kib();
  const auto both = two_places(directory);
  OpenOptions options;
  options.credential.password = Secret::from_text("pw");
  options.memory_bytes = kMemory;
  if (!both) return 255;
  auto repository = Repository::open({}, both->storage, std::move(options));
  if (!repository) return 254;
  const auto snapshot = repository->find_snapshot({}, "latest");
  auto target = make_filesystem_target(directory + "/out");
  if (!snapshot || !target) return 253;
  const auto restored = restore({}, *repository, *snapshot, **target);
  if (!restored || restored->status != Status::complete || restored->stats.bytes != stream_bytes()) return 252;
  const auto mended = settle_mirror({}, both->storage);
  if (!mended || !mended->left.empty() || mended->bytes_copied < stream_bytes()) return 251;
  return static_cast<int>(std::min<std::uint64_t>((peak_kib() - before) / 2048 + 1, 250));
}

// One bit in each MiB of every pack of the first place.
unsigned damage(const std::string& directory) {
  unsigned damaged = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory + "/first/data")) {
    if (!entry.is_regular_file()) continue;
    const auto size = static_cast<std::uint64_t>(entry.file_size());
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    for (std::uint64_t at = 100'000; at < size; at += kMiB) {
      file.seekg(static_cast<std::streamoff>(at));
      const char byte = static_cast<char>(file.get());
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(byte ^ 1));
    }
    damaged += file.good() ? 1 : 0;
  }
  return damaged;
}

}  // namespace

TEST_CASE("a restore from a mirror with a copy of damaged packs, and its mending, stay within 64 MiB") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::uint64_t kFactor = 4;  // what the sanitizer adds for itself
#else
  constexpr std::uint64_t kFactor = 1;
#endif
  const TempDir dir;
  Child writer([&] { return back_up(dir.path()); });
  REQUIRE(writer.wait() == 0);
  REQUIRE(damage(dir.path()) >= 8);
  Child reader([&] { return restore_and_mend(dir.path()); });
  const int code = reader.wait();
  REQUIRE(code > 0);
  REQUIRE(code < 250);
  const std::uint64_t peak = static_cast<std::uint64_t>(code) * 2 * kMiB;
  MESSAGE("peak " << peak / kMiB << " MiB");
  CHECK(peak <= kFactor * kMemory);
}
