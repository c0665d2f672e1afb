// What tests of the file system's target share.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <drkit/sources.hpp>

#include "testing/temp_dir.hpp"

namespace target_support {

using namespace drkit;
namespace fs = std::filesystem;

inline constexpr const char* kMarker = ".drkit-restore-incomplete";

inline Entry entry_of(std::string path, EntryType type, std::string link = {}, std::uint64_t size = 0) {
  Entry entry;
  entry.path = std::move(path);
  entry.type = type;
  entry.mode = 0700;
  entry.link_target = std::move(link);
  entry.size_bytes = size;
  return entry;
}

inline Entry file_of(std::string path, std::uint64_t size) {
  return entry_of(std::move(path), EntryType::regular, {}, size);
}

inline std::unique_ptr<RestoreTarget> begun(const std::string& root, bool delta = false) {
  auto target = make_filesystem_target(root);
  REQUIRE(target.ok());
  const auto begin = (*target)->begin(Context(), RestoreSettings{.delta = delta});
  REQUIRE_MESSAGE(begin.ok(), begin.error().to_string());
  return *std::move(target);
}

inline Result<void> put(RestoreTarget& target, const std::string& path, std::string_view text) {
  const Context ctx;
  DRKIT_ASSIGN(const auto sink, target.open(ctx, file_of(path, text.size())));
  DRKIT_TRY(sink->write_at(ctx, 0, as_bytes(text)));
  return sink->close(ctx);
}

inline std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void write(const std::string& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

}  // namespace target_support
