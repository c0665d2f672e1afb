#include "base/glob.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using drkit::ErrorCode;
using drkit::base::Glob;
using drkit::base::GlobList;

namespace {

bool match(std::string_view pattern, std::string_view path, bool is_directory = false) {
  const auto glob = Glob::parse(pattern);
  REQUIRE_MESSAGE(glob.ok(), std::string(pattern));
  return glob->matches(path, is_directory);
}

}  // namespace

TEST_CASE("a pattern without a slash names files of any directory") {
  CHECK(match("*.log", "a.log"));
  CHECK(match("*.log", "x/y/a.log"));
  CHECK_FALSE(match("*.log", "a.log/b"));
  CHECK_FALSE(match("*.log", "alog"));
  CHECK(match("core", "x/core"));
  CHECK_FALSE(match("core", "x/score"));
  CHECK_FALSE(match("core", ""));
}

TEST_CASE("a leading slash anchors, a slash inside does not") {
  CHECK(match("/a/b", "a/b"));
  CHECK_FALSE(match("/a/b", "x/a/b"));
  CHECK(match("a/b", "a/b"));
  CHECK(match("a/b", "x/a/b"));
  CHECK_FALSE(match("a/b", "xa/b"));
  CHECK_FALSE(match("/*", "a/b"));
}

TEST_CASE("a trailing slash matches directories only") {
  CHECK(match("cache/", "x/cache", true));
  CHECK_FALSE(match("cache/", "x/cache", false));
  CHECK_FALSE(match("cache/", "x/cache/file", true));
}

TEST_CASE("a star stops at slashes, two stars do not") {
  CHECK(match("/a/*/c", "a/b/c"));
  CHECK_FALSE(match("/a/*/c", "a/b/b/c"));
  CHECK(match("/a/**/c", "a/c"));
  CHECK(match("/a/**/c", "a/b/b/c"));
  CHECK_FALSE(match("/a/**/c", "a/bc"));
  CHECK(match("/a/**", "a/b/c"));
  CHECK_FALSE(match("/a/**", "a"));
  CHECK(match("/a**z", "a/b/z"));
  CHECK(match("**", "any/thing"));
  CHECK(match("/**/x", "x"));
}

TEST_CASE("question marks, sets, ranges and escapes take one byte") {
  CHECK(match("a?c", "abc"));
  CHECK_FALSE(match("/a?c", "a/c"));
  CHECK(match("[a-c]x", "bx"));
  CHECK_FALSE(match("[!a-c]x", "bx"));
  CHECK(match("[^a-c]x", "dx"));
  CHECK_FALSE(match("/a[!b]c", "a/c"));
  CHECK(match("[]]", "]"));
  CHECK(match("[a-]", "-"));
  CHECK(match("\\*", "*"));
  CHECK_FALSE(match("\\*", "a"));
  CHECK(match("?", "\xff"));
  CHECK(match("[\x80-\xff]", "\xe4"));
}

TEST_CASE("malformed patterns are refused") {
  for (const char* pattern : {"", "/", "[a", "[", "a\\", "[z-a]", "[[:alpha:]]"}) {
    const auto glob = Glob::parse(pattern);
    REQUIRE_FALSE_MESSAGE(glob.ok(), pattern);
    CHECK(glob.error().code() == ErrorCode::invalid_argument);
  }
  CHECK_FALSE(Glob::parse(std::string(2000, 'a')).ok());
}

TEST_CASE("patterns longer than a machine word match too") {
  const std::string name(200, 'a');
  CHECK(match(name, "x/" + name));
  CHECK_FALSE(match(name, "x/" + name + "a"));
  CHECK(match(std::string(63, '?') + "*b", std::string(100, 'a') + "b"));
  CHECK(match(std::string(1022, 'a'), std::string(1022, 'a')));
}

TEST_CASE("hostile patterns do not blow up") {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "**/*a*";
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(match(pattern + "b", std::string(4000, 'a')));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("a list covers everything below a matching directory") {
  const auto list = GlobList::parse({"cache/", "/etc/*.conf"});
  REQUIRE(list.ok());
  CHECK(list->covers("home/cache/x/y", false));
  CHECK_FALSE(list->matches("home/cache/x/y", false));
  CHECK(list->matches("etc/a.conf", false));
  CHECK_FALSE(list->covers("cache", false));
  const auto bad = GlobList::parse({"[x"});
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().to_string().find("[x") != std::string::npos);
}
