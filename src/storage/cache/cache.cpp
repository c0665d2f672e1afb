// cache: whole objects named by their SHA-256, kept as files. A file is believed only when it has that digest.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <vector>

#include <drkit/storage.hpp>

#include "base/hex.hpp"
#include "base/posix_file.hpp"
#include "crypto/sha256.hpp"
#include "storage/digest_key.hpp"
#include "storage/key.hpp"
#include "storage/layered.hpp"

namespace drkit {
namespace {

namespace fs = std::filesystem;

bool has_promised_digest(std::string_view key, ByteView bytes) {
  return base::to_hex(crypto::sha256(bytes)) == storage::digest_in(key);
}

class CachedStorage final : public storage::Decorator {
 public:
  CachedStorage(StoragePtr inner, std::string directory, std::uint64_t max_bytes)
      : Decorator(std::move(inner)), directory_(std::move(directory)), max_bytes_(max_bytes) {}

  Result<ObjectInfo> stat(const Context& ctx, std::string_view key) override { return inner()->stat(ctx, key); }

  Result<Bytes> get(const Context& ctx, std::string_view key, ByteRange range) override {
    DRKIT_TRY(storage::begin_call(ctx, key));
    // Nothing could ever prove a part, or an object under another name: kept, a transfer that went wrong would stay.
    if (range.offset != 0 || storage::digest_in(key).empty()) return inner()->get(ctx, key, range);
    if (auto kept = load(key, range.length)) return std::move(*kept);
    const std::uint64_t before = changes_;
    auto bytes = inner()->get(ctx, key, range);
    if (bytes && has_promised_digest(key, *bytes)) keep(ctx, key, *bytes, before);
    return bytes;
  }

  Result<void> put(const Context& ctx, std::string_view key, ByteView bytes, PutOptions options) override {
    DRKIT_TRY(storage::begin_call(ctx, key));
    // On both sides of the call: what is read during it may be the old object or the new one.
    drop(key);
    auto done = inner()->put(ctx, key, bytes, options);
    drop(key);
    return done;
  }

  // Never kept: an object that grows is not named by its digest.
  Result<std::unique_ptr<GrowingObject>> grow(const Context& ctx, std::string_view key) override {
    return inner()->grow(ctx, key);
  }

  Result<void> remove(const Context& ctx, std::string_view key) override {
    DRKIT_TRY(storage::begin_call(ctx, key));
    drop(key);
    auto done = inner()->remove(ctx, key);
    drop(key);
    return done;
  }

  Result<void> list(const Context& ctx, std::string_view prefix, const ListVisitor& visit) override {
    return inner()->list(ctx, prefix, visit);
  }

  std::vector<StoragePtr> below() const override { return {inner()}; }

 private:
  StoragePtr around(StoragePtr other) const override { return other; }

  fs::path file_of(std::string_view key) const {
    std::string name(key);
    std::replace(name.begin(), name.end(), '/', '+');  // which no key has
    return fs::path(directory_) / "whole" / name;
  }

  std::optional<Bytes> load(std::string_view key, std::uint64_t limit) const {
    const std::string path = file_of(key).string();
    const auto file = base::open_file(path, O_RDONLY | O_NOFOLLOW);
    struct stat status {};
    if (!file || ::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    if (static_cast<std::uint64_t>(status.st_size) > limit) return std::nullopt;
    Bytes bytes(static_cast<std::size_t>(status.st_size));
    const auto read = base::pread_full(file->get(), bytes, 0, path);
    if (!read || *read != bytes.size() || !has_promised_digest(key, bytes)) return std::nullopt;
    static_cast<void>(::futimens(file->get(), nullptr));  // used just now
    return bytes;
  }

  void keep(const Context& ctx, std::string_view key, ByteView bytes, std::uint64_t before) {
    if (bytes.size() > max_bytes_ / 4) return;
    const std::lock_guard lock(mutex_);
    // Something was replaced or removed meanwhile, perhaps this.
    if (changes_ != before) return;
    if (auto written = write(file_of(key), bytes); !written) {
      ctx.write_log(LogLevel::warning, "the cache cannot be written: " + written.error().to_string());
      return;
    }
    written_bytes_ += bytes.size();
    // Others write too: the files themselves are counted, every now and then.
    if (!counted_ || written_bytes_ > max_bytes_ / 16) evict();
  }

  Result<void> write(const fs::path& path, ByteView bytes) {
    DRKIT_TRY(base::make_directories(path.parent_path().string()));
    // A name of its own for every writer; nothing is synced, a torn file has another digest.
    const fs::path temp = fs::path(directory_) / (std::to_string(::getpid()) + "-" + std::to_string(++serial_) + "~");
    DRKIT_ASSIGN(base::UniqueFd file, base::open_file(temp.string(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    Result<void> done = base::write_full(file.get(), bytes, temp.string());
    if (auto closed = file.close(temp.string()); done && !closed) done = std::move(closed);
    if (done) done = base::rename_replace(AT_FDCWD, temp.string(), AT_FDCWD, path.string());
    if (!done) static_cast<void>(base::unlink_at(AT_FDCWD, temp.string()));
    return done;
  }

  void drop(std::string_view key) {
    const std::lock_guard lock(mutex_);
    ++changes_;
    std::error_code ignored;
    fs::remove(file_of(key), ignored);
  }

  struct Kept {
    fs::file_time_type used;
    std::uint64_t size;
    fs::path path;
  };

  // Entries may vanish while they are looked at: other processes do the same.
  std::vector<Kept> everything(std::uint64_t& total) const {
    std::vector<Kept> kept;
    std::error_code error;
    for (auto it = fs::recursive_directory_iterator(directory_, error); !error && it != fs::end(it);
         it.increment(error)) {
      std::error_code gone;
      if (!it->is_regular_file(gone)) continue;
      const std::uint64_t size = it->file_size(gone);
      const auto used = gone ? fs::file_time_type() : it->last_write_time(gone);
      if (gone) continue;
      kept.push_back({used, size, it->path()});
      total += size;
    }
    return kept;
  }

  void evict() {
    counted_ = true;
    written_bytes_ = 0;
    std::uint64_t total = 0;
    std::vector<Kept> kept = everything(total);
    if (total <= max_bytes_ - max_bytes_ / 16) return;
    std::sort(kept.begin(), kept.end(), [](const Kept& a, const Kept& b) { return a.used < b.used; });
    for (const Kept& one : kept) {
      if (total <= max_bytes_ - max_bytes_ / 8) break;
      std::error_code ignored;
      if (!fs::remove(one.path, ignored)) continue;
      total -= one.size;
    }
  }

  const std::string directory_;
  const std::uint64_t max_bytes_;
  std::mutex mutex_;
  std::atomic<std::uint64_t> changes_{0};
  std::uint64_t written_bytes_ = 0;
  std::uint64_t serial_ = 0;
  bool counted_ = false;
};

}  // namespace

Result<StoragePtr> with_cache(StoragePtr inner, const std::string& directory, std::uint64_t max_bytes) {
  if (directory.empty()) return Error(ErrorCode::invalid_argument, "empty path");
  DRKIT_TRY(base::make_directories(directory));
  return StoragePtr(std::make_shared<CachedStorage>(std::move(inner), directory, max_bytes));
}

}  // namespace drkit
