// Glob: patterns of --exclude and --include over byte paths as entries have them ("a/b", no leading slash).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include <drkit/result.hpp>

namespace drkit::base {

/// One pattern. `*` any bytes but '/', `**` any bytes, a part `**` any number of directories, also none, `?` one byte
/// but '/', `[a-z]` and `[!a-z]` one byte of a set, `\x` the byte x. A leading '/' anchors the pattern at the root,
/// otherwise it may start at any part, so that a pattern without '/' names files of any directory. A trailing '/'
/// matches directories only. Time: proportional to the path's length, whatever the pattern.
class Glob {
 public:
  /// Errors: invalid_argument for an open "[", a trailing "\", an empty or a too long pattern.
  static Result<Glob> parse(std::string_view pattern);

  /// Whether the path itself matches. The root "" never does.
  bool matches(std::string_view path, bool is_directory) const;
  /// Whether the path or a directory above it matches.
  bool covers(std::string_view path, bool is_directory) const;

 private:
  using Word = std::uint64_t;
  static constexpr std::size_t kMaxWords = 16;
  using States = std::array<Word, kMaxWords>;

  struct Token;
  void add_token(const Token& token);
  Result<void> add_pattern(std::string_view pattern);
  Result<std::size_t> add_set(std::string_view pattern, std::size_t start);
  void follow_empty(States& states, bool at_part_start) const;
  void advance(States& states, unsigned char byte) const;

  // A state is a token's number: the bit says that everything before the token has matched.
  std::size_t tokens_ = 0;
  std::size_t words_ = 1;
  bool directories_only_ = false;
  std::vector<States> accepts_ = std::vector<States>(256, States{});  // by byte: tokens that take it and are done
  std::vector<States> repeats_ = std::vector<States>(256, States{});  // by byte: tokens that take it and remain
  States skips_{};                                                    // tokens that may match nothing
  States skips_at_part_{};  // tokens that may match nothing at the start of a part
};

/// Any of several patterns.
class GlobList {
 public:
  static Result<GlobList> parse(const std::vector<std::string>& patterns);
  bool empty() const { return globs_.empty(); }
  bool matches(std::string_view path, bool is_directory) const;
  bool covers(std::string_view path, bool is_directory) const;

 private:
  std::vector<Glob> globs_;
};

}  // namespace drkit::base
