// layered: storages that stand before others.
#pragma once

#include <vector>

#include <drkit/spi/storage.hpp>

namespace drkit::storage {

/// Passes calls on to one other storage. Every decorator is one, so that what lies behind it can be seen through it.
class Decorator : public Storage {
 public:
  explicit Decorator(StoragePtr inner) : inner_(std::move(inner)) {}

  StorageInfo info() const override { return inner_->info(); }
  std::vector<StoragePtr> below() const override;
  const StoragePtr& inner() const { return inner_; }

 protected:
  /// The same decoration around another storage, with the same limits and counts.
  virtual StoragePtr around(StoragePtr other) const = 0;

 private:
  const StoragePtr inner_;
};

}  // namespace drkit::storage
