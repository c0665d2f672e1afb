// The names of one directory, held compactly and in bytewise order.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace drkit::systems::filesystem {

/// Costs a name's length plus five bytes for each name. Names are addressed by their place in the order.
class DirectoryNames {
 public:
  std::size_t size() const { return starts_.size(); }
  /// Zero-terminated behind its end; lives as long as this object.
  std::string_view operator[](std::size_t index) const { return at(starts_[index]); }
  bool contains(std::string_view name) const;
  void keep_only(std::string_view name);

  /// Reads the directory from its start and sorts. 0 or errno; what was read before a failure is kept.
  int read(int directory_fd);

 private:
  static constexpr unsigned kBlockBits = 16;
  std::string_view at(std::uint32_t start) const;
  bool append(std::string_view name);
  void sort();

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t used_ = 0;  // of the last block
  std::size_t capacity_ = 0;
  std::vector<std::uint32_t> starts_;
};

}  // namespace drkit::systems::filesystem
