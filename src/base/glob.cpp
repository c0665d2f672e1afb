#include "base/glob.hpp"

#include <algorithm>
#include <bitset>
#include <string>

namespace drkit::base {
namespace {

using ByteSet = std::bitset<256>;

ByteSet any_byte_but_slash() {
  ByteSet set;
  set.set();
  set.reset('/');
  return set;
}

ByteSet one_byte(char c) {
  ByteSet set;
  set.set(static_cast<unsigned char>(c));
  return set;
}

Error bad_pattern(const char* why) { return Error(ErrorCode::invalid_argument, std::string("bad pattern: ") + why); }

}  // namespace

struct Glob::Token {
  ByteSet accepts = {};  // takes one such byte and is done
  ByteSet repeats = {};  // takes any number of such bytes
  bool skips = false;
  bool skips_at_part = false;
};

void Glob::add_token(const Token& token) {
  const std::size_t word = tokens_ / 64;
  const Word bit = Word{1} << (tokens_ % 64);
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (token.accepts[byte]) accepts_[byte][word] |= bit;
    if (token.repeats[byte]) repeats_[byte][word] |= bit;
  }
  if (token.skips) skips_[word] |= bit;
  if (token.skips_at_part) skips_at_part_[word] |= bit;
  ++tokens_;
  words_ = tokens_ / 64 + 1;
}

Result<Glob> Glob::parse(std::string_view pattern) {
  // Each byte makes at most one token, and one token and the final state come on top.
  if (pattern.size() > kMaxWords * 64 - 2) return bad_pattern("longer than 1022 bytes");
  Glob glob;
  if (pattern.ends_with('/') && !pattern.ends_with("\\/")) {
    glob.directories_only_ = true;
    pattern.remove_suffix(1);
  }
  const bool anchored = pattern.starts_with('/');
  if (anchored) pattern.remove_prefix(1);
  if (pattern.empty()) return bad_pattern("empty");
  ByteSet all;
  all.set();
  if (!anchored) glob.add_token({.repeats = all, .skips_at_part = true});
  DRKIT_TRY(glob.add_pattern(pattern));
  return glob;
}

Result<void> Glob::add_pattern(std::string_view pattern) {
  ByteSet all;
  all.set();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool at_part = i == 0 || pattern[i - 1] == '/';
    if (at_part && pattern.substr(i).starts_with("**/")) {
      add_token({.repeats = all, .skips_at_part = true});
      i += 2;
    } else if (pattern.substr(i).starts_with("**")) {
      add_token({.repeats = all, .skips = true});
      i += 1;
    } else if (pattern[i] == '*') {
      add_token({.repeats = any_byte_but_slash(), .skips = true});
    } else if (pattern[i] == '?') {
      add_token({.accepts = any_byte_but_slash()});
    } else if (pattern[i] == '[') {
      DRKIT_ASSIGN(i, add_set(pattern, i + 1));
    } else {
      if (pattern[i] == '\\' && ++i == pattern.size()) return bad_pattern("ends in a backslash");
      add_token({.accepts = one_byte(pattern[i])});
    }
  }
  return {};
}

// Answers the position of the closing bracket.
Result<std::size_t> Glob::add_set(std::string_view pattern, std::size_t start) {
  std::size_t i = start;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  ByteSet set;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false, ++i) {
    if (pattern.substr(i).starts_with("[:")) return bad_pattern("named classes are not supported");
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    const auto low = static_cast<unsigned char>(pattern[i]);
    auto high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      i += 2;
      if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
      high = static_cast<unsigned char>(pattern[i]);
    }
    if (high < low) return bad_pattern("range runs backwards");
    for (std::size_t byte = low; byte <= high; ++byte) set.set(byte);
  }
  if (i >= pattern.size()) return bad_pattern("[ without ]");
  if (negated) set.flip();
  set.reset('/');
  add_token({.accepts = set});
  return i;
}

void Glob::follow_empty(States& states, bool at_part_start) const {
  // Skippable tokens may follow each other: repeat until nothing new is reached.
  for (bool changed = true; changed;) {
    changed = false;
    Word carry = 0;
    for (std::size_t w = 0; w < words_; ++w) {
      const Word skippable = skips_[w] | (at_part_start ? skips_at_part_[w] : 0);
      const Word skipped = states[w] & skippable;
      const Word reached = states[w] | (skipped << 1) | carry;
      carry = skipped >> 63;
      changed = changed || reached != states[w];
      states[w] = reached;
    }
  }
}

void Glob::advance(States& states, unsigned char byte) const {
  Word carry = 0;
  for (std::size_t w = 0; w < words_; ++w) {
    const Word done = states[w] & accepts_[byte][w];
    states[w] = (done << 1) | carry | (states[w] & repeats_[byte][w]);
    carry = done >> 63;
  }
}

bool Glob::matches(std::string_view path, bool is_directory) const {
  if (path.empty() || (directories_only_ && !is_directory)) return false;
  States states{};
  states[0] = 1;
  follow_empty(states, true);
  for (const char c : path) {
    advance(states, static_cast<unsigned char>(c));
    follow_empty(states, c == '/');
  }
  return ((states[tokens_ / 64] >> (tokens_ % 64)) & 1) != 0;
}

bool Glob::covers(std::string_view path, bool is_directory) const {
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    if (matches(path.substr(0, slash), true)) return true;
  }
  return matches(path, is_directory);
}

Result<GlobList> GlobList::parse(const std::vector<std::string>& patterns) {
  GlobList list;
  for (const std::string& pattern : patterns) {
    auto glob = Glob::parse(pattern);
    if (!glob) return std::move(glob).error().with("pattern", pattern);
    list.globs_.push_back(std::move(*glob));
  }
  return list;
}

bool GlobList::matches(std::string_view path, bool is_directory) const {
  return std::any_of(globs_.begin(), globs_.end(), [&](const Glob& glob) { return glob.matches(path, is_directory); });
}

bool GlobList::covers(std::string_view path, bool is_directory) const {
  return std::any_of(globs_.begin(), globs_.end(), [&](const Glob& glob) { return glob.covers(path, is_directory); });
}

}  // namespace drkit::base
