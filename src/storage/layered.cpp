#include "storage/layered.hpp"

#include <drkit/mirror.hpp>

namespace drkit {
namespace {

void collect(const Storage& storage, std::vector<StoragePtr>& copies) {
  for (const StoragePtr& one : storage.below()) {
    const std::size_t before = copies.size();
    collect(*one, copies);
    if (copies.size() == before) copies.push_back(one);
  }
}

}  // namespace

std::vector<StoragePtr> storage::Decorator::below() const {
  std::vector<StoragePtr> copies = storage_copies(*inner_);
  for (StoragePtr& copy : copies) copy = around(std::move(copy));
  return copies;
}

std::shared_ptr<MirrorControl> mirror_control(const StoragePtr& storage) {
  StoragePtr here = storage;
  while (const auto* const decorator = dynamic_cast<const storage::Decorator*>(here.get())) here = decorator->inner();
  return std::dynamic_pointer_cast<MirrorControl>(here);
}

std::vector<StoragePtr> storage_copies(const Storage& storage) {
  std::vector<StoragePtr> copies;
  collect(storage, copies);
  return copies;
}

}  // namespace drkit
