// layered: a storage that answers for others.
#pragma once

#include <vector>

#include <drkit/spi/storage.hpp>

namespace drkit::storage {

/// Implemented by storages of which one answer says nothing about everything below.
class Layered {
 public:
  virtual ~Layered() = default;
  virtual std::vector<StoragePtr> below() const = 0;
};

}  // namespace drkit::storage
