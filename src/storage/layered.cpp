#include "storage/layered.hpp"

#include <drkit/mirror.hpp>

namespace drkit {
namespace {

void collect(const Storage& storage, std::vector<StoragePtr>& copies) {
  const auto* const layered = dynamic_cast<const storage::Layered*>(&storage);
  if (layered == nullptr) return;
  for (const StoragePtr& one : layered->below()) {
    const std::size_t before = copies.size();
    collect(*one, copies);
    if (copies.size() == before) copies.push_back(one);
  }
}

}  // namespace

std::vector<StoragePtr> storage_copies(const Storage& storage) {
  std::vector<StoragePtr> copies;
  collect(storage, copies);
  return copies;
}

}  // namespace drkit
