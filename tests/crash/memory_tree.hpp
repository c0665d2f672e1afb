// Trees held in memory and small repositories around them, for tests that run thousands of times.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>

#include <drkit/backup.hpp>
#include <drkit/restore.hpp>
#include <drkit/storage.hpp>

#include "crypto/sha256.hpp"
#include "repo/impl.hpp"
#include "testing/seeded_random.hpp"

namespace drkit::testing {

struct PathLess {
  bool operator()(const std::string& a, const std::string& b) const { return entry_path_less(a, b); }
};
/// Regular files by path.
using MemoryTree = std::map<std::string, Bytes, PathLess>;

inline MemoryTree random_tree(std::uint64_t seed, unsigned files, std::size_t file_bytes) {
  SeededRandom random(seed);
  MemoryTree tree;
  for (unsigned i = 0; i < files; ++i) tree["file-" + std::to_string(i)] = random.bytes(file_bytes + i);
  return tree;
}

/// Changes some files, adds one and removes one.
inline MemoryTree changed_tree(MemoryTree tree, std::uint64_t seed) {
  SeededRandom random(seed);
  std::size_t i = 0;
  for (auto& [path, bytes] : tree) {
    if (i++ % 3 == 0) random.fill(bytes);
  }
  const std::size_t size = tree.begin()->second.size();
  tree.erase(std::prev(tree.end()));
  tree["new-" + std::to_string(seed)] = random.bytes(size);
  return tree;
}

class MemorySource final : public Source {
 public:
  explicit MemorySource(const MemoryTree& tree, std::string name = "tree")
      : tree_(tree), name_(std::move(name)), next_(tree.begin()) {}

  SourceInfo info() const override { return {"memory", name_, false, true}; }
  Result<void> begin(const Context&) override { return {}; }
  Result<std::unique_ptr<Stream>> next(const Context&) override {
    if (next_ == tree_.end()) return std::unique_ptr<Stream>();
    const auto& [path, bytes] = *next_++;
    return std::unique_ptr<Stream>(std::make_unique<FileStream>(path, bytes));
  }
  Result<SourceReceipt> finish(const Context&) override {
    return SourceReceipt{{"files", std::to_string(tree_.size())}};
  }

 private:
  class FileStream final : public Stream {
   public:
    FileStream(const std::string& path, ByteView bytes) : bytes_(bytes) {
      entry_.path = path;
      entry_.mode = 0600;
      entry_.mtime_ns = 1'000'000'000;
      entry_.size_bytes = bytes.size();
      // Changes with the contents, as an inode's change time would.
      const crypto::Digest digest = crypto::sha256(bytes);
      for (std::size_t i = 0; i < 6; ++i) {
        entry_.fingerprint.inode = entry_.fingerprint.inode << 8 | std::to_integer<std::uint64_t>(digest[i]);
      }
      entry_.fingerprint.ctime_ns = 1'000'000'000;
    }
    const Entry& entry() const override { return entry_; }
    Result<ReadResult> read(const Context&, std::span<std::byte> buffer) override {
      const std::size_t count = std::min(buffer.size(), bytes_.size());
      std::copy_n(bytes_.begin(), count, buffer.begin());
      bytes_ = bytes_.subspan(count);
      return ReadResult{count, 0};
    }
    Result<void> close(const Context&) override { return {}; }

   private:
    Entry entry_;
    ByteView bytes_;
  };

  const MemoryTree& tree_;
  std::string name_;
  MemoryTree::const_iterator next_;
};

class MemoryTarget final : public RestoreTarget {
 public:
  TargetInfo info() const override { return {"memory", "tree", false}; }
  Result<void> begin(const Context&, const RestoreSettings&) override { return {}; }
  Result<void> make(const Context&, const Entry& entry) override {
    return Error(ErrorCode::internal, "only regular files are here").with("path", entry.path);
  }
  Result<std::unique_ptr<Sink>> open(const Context&, const Entry& entry) override {
    return std::unique_ptr<Sink>(std::make_unique<FileSink>(*this, entry));
  }
  Result<void> finish(const Context&) override { return {}; }
  MemoryTree take() { return std::move(tree_); }

 private:
  class FileSink final : public Sink {
   public:
    FileSink(MemoryTarget& target, const Entry& entry)
        : target_(target), path_(entry.path), bytes_(static_cast<std::size_t>(entry.size_bytes)) {}
    Result<void> write_at(const Context&, std::uint64_t offset, ByteView bytes) override {
      if (offset > bytes_.size() || bytes.size() > bytes_.size() - offset) {
        return Error(ErrorCode::internal, "written past the end").with("path", path_);
      }
      std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
      return {};
    }
    Result<void> close(const Context&) override {
      const std::lock_guard lock(target_.mutex_);
      target_.tree_[path_] = std::move(bytes_);
      return {};
    }

   private:
    MemoryTarget& target_;
    std::string path_;
    Bytes bytes_;
  };
  std::mutex mutex_;
  MemoryTree tree_;
};

inline CreateOptions cheap_password(const char* password) {
  CreateOptions options;
  options.passwords.push_back(Secret::from_text(password));
  options.password_cost = {.operations = 1, .memory_bytes = 1 << 20};
  return options;
}

inline OpenOptions opening(const char* password) {
  OpenOptions options;
  options.credential.password = Secret::from_text(password);
  options.parallel = 2;
  return options;
}

/// Makes frames and packs so small that a tree of some kilobytes has several.
inline void use_small_packs(Repository& repository, std::size_t frame_bytes, std::size_t pack_bytes) {
  repository.impl()->budget.frame_bytes = frame_bytes;
  repository.impl()->budget.pack_bytes = pack_bytes;
}

inline Result<Snapshot> backup_tree(const Context& ctx, Repository& repository, const MemoryTree& tree,
                                    const std::string& name = "tree") {
  MemorySource source(tree, name);
  BackupOptions options;
  options.host = "host";
  return backup(ctx, repository, source, options);
}

inline Result<MemoryTree> restore_tree(const Context& ctx, const Repository& repository, const Snapshot& snapshot) {
  MemoryTarget target;
  DRKIT_ASSIGN(const RestoreResult restored, restore(ctx, repository, snapshot, target));
  if (restored.status != Status::complete) return Error(ErrorCode::internal, "restore is not complete");
  return target.take();
}

/// Every object of a storage.
using Objects = std::map<std::string, Bytes>;

inline Objects objects_of(Storage& storage) {
  const Context ctx;
  Objects objects;
  std::vector<std::string> keys;
  const auto listed = storage.list(ctx, "", [&](const ObjectInfo& info) {
    keys.push_back(info.key);
    return true;
  });
  for (const std::string& key : keys) {
    auto bytes = storage.get(ctx, key, {});
    if (listed && bytes) objects[key] = std::move(*bytes);
  }
  return objects;
}

inline StoragePtr storage_of(const Objects& objects) {
  const Context ctx;
  StoragePtr storage = make_memory_storage();
  for (const auto& [key, bytes] : objects) {
    if (!storage->put(ctx, key, bytes, {})) return nullptr;
  }
  return storage;
}

}  // namespace drkit::testing
