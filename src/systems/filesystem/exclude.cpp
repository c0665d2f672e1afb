#include "systems/filesystem/exclude.hpp"

namespace drkit::systems::filesystem {
namespace {

// Length of the set that starts at pattern[0] == '[', and whether c is in it; 0 when the set has no end.
std::size_t match_set(std::string_view pattern, char c, bool& in_set) {
  std::size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  bool found = false;
  for (bool first = true; at < pattern.size() && (first || pattern[at] != ']'); first = false) {
    const auto low = static_cast<unsigned char>(pattern[at]);
    auto high = low;
    if (at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
      high = static_cast<unsigned char>(pattern[at + 2]);
      at += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    found = found || (low <= byte && byte <= high);
    ++at;
  }
  if (at >= pattern.size()) return 0;
  in_set = found != negated && c != '/';
  return at + 1;
}

// Length of the pattern's first element when it matches c, else 0.
std::size_t match_one(std::string_view pattern, char c) {
  if (pattern.empty()) return 0;
  if (pattern[0] == '?') return c != '/' ? 1 : 0;
  if (pattern[0] == '[') {
    bool in_set = false;
    const std::size_t length = match_set(pattern, c, in_set);
    if (length > 0) return in_set ? length : 0;
  }
  if (pattern[0] == '\\' && pattern.size() > 1) return pattern[1] == c ? 2 : 0;
  return pattern[0] == c ? 1 : 0;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  // Two places to come back to: the last '*' gives way to the last "**", so the work is at most quadratic in each.
  struct Retry {
    std::size_t pattern = std::string_view::npos;
    std::size_t text = 0;
    bool whole_parts = false;  // "**/": only full parts may stand for it
  } star, deep;
  std::size_t p = 0;
  std::size_t t = 0;
  while (true) {
    if (p < pattern.size() && pattern[p] == '*') {
      const bool crosses = pattern.substr(p, 2) == "**";
      while (p < pattern.size() && pattern[p] == '*') ++p;
      if (crosses) {
        const bool parts = p < pattern.size() && pattern[p] == '/' && (t == 0 || text[t - 1] == '/');
        if (parts) ++p;
        deep = {p, t, parts};
        star = {};
      } else {
        star = {p, t, false};
      }
      continue;
    }
    if (t == text.size() && p == pattern.size()) return true;
    const std::size_t length = t < text.size() ? match_one(pattern.substr(p), text[t]) : 0;
    if (length > 0) {
      p += length;
      ++t;
    } else if (star.pattern != std::string_view::npos && star.text < text.size() && text[star.text] != '/') {
      p = star.pattern;
      t = ++star.text;
    } else if (deep.pattern != std::string_view::npos && deep.text < text.size()) {
      const std::size_t slash = deep.whole_parts ? text.find('/', deep.text) : deep.text;
      if (slash == std::string_view::npos) return false;
      p = deep.pattern;
      t = deep.text = slash + 1;
      star = {};
    } else {
      return false;
    }
  }
}

ExcludeList::ExcludeList(const std::vector<std::string>& patterns) {
  for (std::string_view pattern : patterns) {
    Rule rule;
    while (pattern.ends_with('/')) {
      rule.directories_only = true;
      pattern.remove_suffix(1);
    }
    rule.whole_path = pattern.find('/') != std::string_view::npos;
    while (pattern.starts_with('/')) pattern.remove_prefix(1);
    rule.pattern = pattern;
    if (!rule.pattern.empty()) rules_.push_back(std::move(rule));
  }
}

bool ExcludeList::matches(std::string_view path, bool is_directory) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (const Rule& rule : rules_) {
    if (rule.directories_only && !is_directory) continue;
    if (glob_matches(rule.pattern, rule.whole_path ? path : name)) return true;
  }
  return false;
}

}  // namespace drkit::systems::filesystem
