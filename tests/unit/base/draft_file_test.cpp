// Files that take the place of others in one step.
#include "base/draft_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "base/text_file.hpp"
#include "testing/os_faults.hpp"
#include "testing/process.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::base;
using namespace drkit::testing;

namespace {

std::string text_of(const std::string& path) {
  const auto text = read_text_file(path);
  return text.ok() ? text.value().value_or("none") : "unreadable";
}

}  // namespace

TEST_CASE("a draft replaces what was there, or leaves it") {
  const TempDir dir;
  const std::string path = dir / "file";
  for (const std::string_view text : {"first", "second"}) {
    auto draft = DraftFile::open(path);
    REQUIRE((draft.ok() && draft->has_value()));
    REQUIRE((*draft)->write_at(0, as_bytes(text)).ok());
    REQUIRE((*draft)->replace().ok());
    CHECK(text_of(path) == text);
  }
  {
    auto draft = DraftFile::open(path);
    REQUIRE((draft.ok() && draft->has_value()));
    REQUIRE((*draft)->write_at(0, as_bytes("third")).ok());
    CHECK_FALSE(DraftFile::open(path)->has_value());
    CHECK(text_of(path + ".new") == "third");
  }
  CHECK(text_of(path) == "second");
  CHECK(text_of(path + ".new") == "none");
}

TEST_CASE("a draft that a killed process left is begun anew, and not while the process lives") {
  const TempDir dir;
  const std::string path = dir / "file";
  const std::string ready = dir / "ready";
  Child child([&] {
    const auto draft = DraftFile::open(path);
    const bool made = draft.ok() && draft->has_value() && replace_text_file(ready, "1").ok();
    for (unsigned i = 0; made && i < 20'000; ++i) ::usleep(1000);
    return 1;
  });
  REQUIRE(child.started());
  for (unsigned i = 0; i < 20'000 && !std::filesystem::exists(ready); ++i) ::usleep(1000);
  const auto refused = DraftFile::open(path);
  REQUIRE(refused.ok());
  CHECK_FALSE(refused->has_value());
  CHECK(child.kill_now() == -SIGKILL);
  CHECK(std::filesystem::exists(path + ".new"));
  const auto taken = DraftFile::open(path);
  REQUIRE(taken.ok());
  CHECK(taken->has_value());
}

TEST_CASE("a draft that cannot be made durable or renamed is gone, and the old file stays") {
  const TempDir dir;
  const std::string path = dir / "file";
  REQUIRE(replace_text_file(path, "old").ok());
  for (const bool at_rename : {false, true}) {
    CAPTURE(at_rename);
    {
      auto draft = DraftFile::open(path);
      REQUIRE((draft.ok() && draft->has_value()));
      REQUIRE((*draft)->write_at(0, as_bytes("new")).ok());
      OsFaults faults;
      if (at_rename) {
        faults->renameat = [](int, const char*, int, const char*) { return errno = EIO, -1; };
      } else {
        faults->fsync = [](int) { return errno = EIO, -1; };
      }
      CHECK((*draft)->replace().error().code() == ErrorCode::io);
    }
    CHECK(text_of(path) == "old");
    CHECK(text_of(path + ".new") == "none");
  }
}
