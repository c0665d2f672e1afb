#include "systems/filesystem/directory_names.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace drkit::systems::filesystem {
namespace {

constexpr std::size_t kFirstBlock = 1024;

}  // namespace

std::string_view DirectoryNames::at(std::uint32_t start) const {
  const char* const name = blocks_[start >> kBlockBits].get() + (start & ((1U << kBlockBits) - 1));
  return {name, std::strlen(name)};
}

bool DirectoryNames::append(std::string_view name) {
  if (used_ + name.size() + 1 > capacity_) {
    if (blocks_.size() >= (std::size_t{1} << (32 - kBlockBits))) return false;
    // Most directories are small: only the blocks after the first have the full size.
    capacity_ = blocks_.empty() ? kFirstBlock : std::size_t{1} << kBlockBits;
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(capacity_));
    used_ = 0;
  }
  starts_.push_back(static_cast<std::uint32_t>(((blocks_.size() - 1) << kBlockBits) | used_));
  char* const place = blocks_.back().get() + used_;
  std::memcpy(place, name.data(), name.size());
  place[name.size()] = '\0';
  used_ += name.size() + 1;
  return true;
}

int DirectoryNames::read(int directory_fd) {
  if (::lseek(directory_fd, 0, SEEK_SET) < 0) return errno;
  alignas(dirent64) std::array<char, 32768> buffer;
  int failed = 0;
  while (failed == 0) {
    const ssize_t got = ::getdents64(directory_fd, buffer.data(), buffer.size());
    if (got == 0) break;
    if (got < 0) {
      failed = errno;
      break;
    }
    for (ssize_t at = 0; at < got && failed == 0;) {
      const auto* const record = reinterpret_cast<const dirent64*>(buffer.data() + at);
      const std::string_view name = record->d_name;
      if (name != "." && name != ".." && !append(name)) failed = EOVERFLOW;
      at += record->d_reclen;
    }
  }
  sort();
  return failed;
}

void DirectoryNames::sort() {
  std::sort(starts_.begin(), starts_.end(), [this](std::uint32_t a, std::uint32_t b) { return at(a) < at(b); });
}

bool DirectoryNames::contains(std::string_view name) const {
  const auto less = [this](std::uint32_t start, std::string_view wanted) { return at(start) < wanted; };
  const auto found = std::lower_bound(starts_.begin(), starts_.end(), name, less);
  return found != starts_.end() && at(*found) == name;
}

void DirectoryNames::keep_only(std::string_view name) {
  std::erase_if(starts_, [&](std::uint32_t start) { return at(start) != name; });
}

}  // namespace drkit::systems::filesystem
