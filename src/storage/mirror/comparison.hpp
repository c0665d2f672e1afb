// comparison: what the listings of several copies come to.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/mirror/gaps.hpp"

namespace drkit::storage::mirror {

class Comparison {
 public:
  explicit Comparison(std::size_t copies) : copies_(copies) {}
  void found(const ObjectInfo& object, std::size_t copy) {
    auto& row = sizes_[object.key];
    row.resize(copies_);
    row[copy] = object.size_bytes;
  }
  /// Notes what is missing or has another size. A copy that could not be listed (`listed` false) says nothing of what
  /// it has. One warning for all that a copy lacks: it may be everything.
  void note_gaps(const Context& ctx, const std::vector<bool>& listed, Gaps& gaps) const;

 private:
  using Row = std::vector<std::optional<std::uint64_t>>;  // by copy
  const std::size_t copies_;
  std::map<std::string, Row> sizes_;
};

}  // namespace drkit::storage::mirror
