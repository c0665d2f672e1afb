// Comparing two directory trees, everything that a restore must bring back.
#pragma once

#include <string>
#include <vector>

namespace drkit::testing {

struct CompareOptions {
  bool owners = true;
  bool times = true;
  bool sparseness = true;  ///< a file with holes must not take much more room in b than in a
  bool root_attributes = true;
  std::vector<std::string> ignored_xattrs;  ///< names
};

/// One line for each difference, at most 50; empty when the trees are equal. Independent of the code under test: it
/// uses full paths and plain system calls.
std::vector<std::string> compare_trees(const std::string& a, const std::string& b, const CompareOptions& options = {});

}  // namespace drkit::testing
