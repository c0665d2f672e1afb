// Reserve: a little room that a full file system still gives, for what must be written before anything can go.
#pragma once

#include <drkit/context.hpp>

#include "storage/local/tree.hpp"

namespace drkit::storage::local {

/// No legal key has this part.
inline constexpr const char* kReserveDirectory = "reserve~";

/// Files of some kilobytes that hold nothing. Given back one by one: each is room for one small object, and a name.
/// Thread-safety: every member, any process; who comes second finds less.
class Reserve {
 public:
  explicit Reserve(const Tree& tree) : tree_(tree) {}

  /// Makes the files that are missing, as far as there is room. Best effort: a storage works without.
  void fill(const Context& ctx) const;
  /// Removes one of them; false when none is left.
  bool give_back() const;

 private:
  const Tree& tree_;
};

}  // namespace drkit::storage::local
