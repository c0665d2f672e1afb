// Directory trees made from a seed, with everything that a file system can hold.
#pragma once

#include <cstdint>
#include <string>

namespace drkit::testing {

struct TreeShape {
  unsigned entries = 120;  ///< about so many
  unsigned max_depth = 6;
  bool special_files = true;   ///< fifos, sockets, and devices when the process is root
  bool foreign_owners = true;  ///< when the process is root
  std::uint64_t max_file_bytes = 300'000;
};

/// Fills an existing, empty directory; the same seed gives the same tree. False when the system refused a step.
bool generate_tree(const std::string& root, std::uint64_t seed, const TreeShape& shape = {});

/// Changes, adds, removes and retypes some of a tree's files.
bool mutate_tree(const std::string& root, std::uint64_t seed, const TreeShape& shape = {});

}  // namespace drkit::testing
