// apart: a copy that takes no part in what a mirror does in this process.
#pragma once

#include <drkit/result.hpp>

namespace drkit::storage::mirror {

/// Implemented by what stands in a mirror for a copy that did not open, or that has nothing. Whoever opened the mirror
/// has told so: reads and listings pass it over, puts fail on it, and it is one gap without a key.
class Apart {
 public:
  virtual ~Apart() = default;
  virtual const Error& why() const = 0;
};

}  // namespace drkit::storage::mirror
