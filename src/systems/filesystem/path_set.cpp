#include "systems/filesystem/path_set.hpp"

#include <functional>

namespace drkit::systems::filesystem {

__extension__ typedef unsigned __int128 Wide;

std::uint64_t PathSet::hash(std::string_view path) {
  const std::uint64_t value = std::hash<std::string_view>()(path);
  return value != 0 ? value : 1;
}

std::size_t PathSet::slot_of(std::uint64_t hash) const {
  // The high half of the product spreads the hash over any number of slots.
  auto slot = static_cast<std::size_t>((static_cast<Wide>(hash) * slots_.size()) >> 64);
  while (slots_[slot] != 0 && slots_[slot] != hash) slot = slot + 1 == slots_.size() ? 0 : slot + 1;
  return slot;
}

bool PathSet::insert(std::string_view path) {
  const std::lock_guard lock(mutex_);
  if ((used_ + 1) * 5 > slots_.size() * 4) grow();
  const std::uint64_t value = hash(path);
  std::uint64_t& slot = slots_[slot_of(value)];
  if (slot == value) return false;
  slot = value;
  ++used_;
  return true;
}

bool PathSet::contains(std::string_view path) const {
  const std::lock_guard lock(mutex_);
  return !slots_.empty() && slots_[slot_of(hash(path))] != 0;
}

void PathSet::grow() {
  std::vector<std::uint64_t> old(slots_.size() < 1024 ? 1024 : slots_.size() + slots_.size() / 2);
  old.swap(slots_);
  for (const std::uint64_t value : old) {
    if (value != 0) slots_[slot_of(value)] = value;
  }
}

}  // namespace drkit::systems::filesystem
