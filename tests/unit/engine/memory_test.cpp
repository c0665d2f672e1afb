// A backup keeps to the memory that it was given, whatever the data.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include <drkit/backup.hpp>
#include <drkit/storage.hpp>

#include "repo/impl.hpp"
#include "testing/generated_source.hpp"
#include "testing/process.hpp"

using namespace drkit;
using namespace drkit::testing;

namespace {

/// Takes packs and keeps none of them, so that only the library's own memory counts.
class ForgetfulStorage final : public Storage {
 public:
  StorageInfo info() const override { return inner_->info(); }
  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner_->stat(ctx, key); }
  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    return inner_->get(ctx, key, range);
  }
  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    if (!key.starts_with("data/")) return inner_->put(ctx, key, bytes, options);
    // Slower than the rest of the line, so that everything that can wait does wait: the most that is ever held,
    // whatever else the machine does.
    std::this_thread::sleep_for(std::chrono::nanoseconds(8 * bytes.size()));
    return {};
  }
  Result<void> remove(const Context& ctx, std::string_view key) override { return inner_->remove(ctx, key); }
  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner_->list(ctx, prefix, visit);
  }

 private:
  StoragePtr inner_ = make_memory_storage();
};

// Exit codes: what the backup added to the peak of memory, in units of 2 MiB, or 255. A child begins with its parent's
// pages, those of the tests that ran before.
int back_up_generated(std::uint64_t memory_bytes, std::uint64_t size, Generated kind) {
  const std::uint64_t before = peak_kib();
  const Context ctx;
  CreateOptions create;
  create.passwords.push_back(Secret::from_text("pw"));
  create.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  OpenOptions options;
  options.memory_bytes = memory_bytes;
  auto repository =
      Repository::create(ctx, std::make_shared<ForgetfulStorage>(), std::move(create), std::move(options));
  if (!repository) return 255;
  // Where a stream is cut follows the repository's random key, and with it how long the chunks are that meet by chance.
  repository->impl()->keys.chunker_key = Secret::copy_of(as_bytes(std::string(32, 'k')));
  GeneratedSource source(size, kind);
  // As it is: what cannot be compressed takes most.
  BackupOptions how;
  if (kind == Generated::long_runs) how.compression_level = 0;
  if (!backup(ctx, *repository, source, how)) return 255;
  return static_cast<int>(std::min<std::uint64_t>((peak_kib() - before) / 2048 + 1, 254));
}

std::uint64_t stream_bytes() {
  // More by hand: the peak is reached long before.
  const char* mib = std::getenv("DRKIT_TEST_STREAM_MIB");
  return (mib != nullptr ? std::strtoull(mib, nullptr, 10) : 256) * kMiB;
}

}  // namespace

TEST_CASE("the peak of a long stream's backup stays within the memory given") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::uint64_t kFactor = 8;  // what the sanitizer adds for itself
#else
  constexpr std::uint64_t kFactor = 1;
#endif
  for (const std::uint64_t memory : {64 * kMiB, 256 * kMiB}) {
    for (const Generated kind : {Generated::random, Generated::compressible, Generated::long_runs}) {
      CAPTURE(memory / kMiB);
      CAPTURE(static_cast<int>(kind));
      Child child([&] { return back_up_generated(memory, stream_bytes(), kind); });
      const int code = child.wait();
      REQUIRE(code > 0);
      REQUIRE(code < 255);
      const std::uint64_t peak = static_cast<std::uint64_t>(code) * 2 * kMiB;
      MESSAGE("memory " << memory / kMiB << " MiB, kind " << static_cast<int>(kind) << ": peak " << peak / kMiB
                        << " MiB");
      CHECK(peak <= kFactor * memory);
    }
  }
}
