#include <doctest/doctest.h>

#include <drkit/result.hpp>
#include <drkit/spi/source.hpp>

using namespace drkit;

TEST_CASE("an error prints code, message, context and causes on one line") {
  Error error = Error(ErrorCode::io, "cannot write").with("key", "a/b").caused_by(Error(ErrorCode::no_space, "full"));
  CHECK(error.to_string() == "io: cannot write (key=a/b): no_space: full");
}

TEST_CASE("paths order part by part, a directory directly before its children") {
  CHECK(entry_path_less("", "a"));
  CHECK(entry_path_less("a", "a/b"));
  CHECK(entry_path_less("a/b", "a-b"));
  CHECK(entry_path_less("a", "a-b"));
  CHECK_FALSE(entry_path_less("a-b", "a/b"));
  CHECK_FALSE(entry_path_less("a", "a"));
}
