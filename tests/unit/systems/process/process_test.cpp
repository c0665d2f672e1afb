#include <doctest/doctest.h>

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include <drkit/sources.hpp>

#include "testing/temp_dir.hpp"

using namespace drkit;
using drkit::testing::TempDir;

namespace {

Result<std::string> output_of(const std::string& command, const Context& ctx = {}) {
  DRKIT_ASSIGN(const auto source, make_process_source(command, "dump"));
  DRKIT_TRY(source->begin(ctx));
  std::string text;
  {
    DRKIT_ASSIGN(const auto stream, source->next(ctx));
    CHECK(stream->entry().type == EntryType::stream);
    CHECK(stream->entry().path == "dump");
    Bytes buffer(65536);
    while (true) {
      DRKIT_ASSIGN(const ReadResult part, stream->read(ctx, buffer));
      if (part.at_end()) break;
      text += as_text(ByteView(buffer).first(part.data_bytes));
    }
    DRKIT_TRY(stream->close(ctx));
  }
  DRKIT_ASSIGN(const auto after, source->next(ctx));
  CHECK(after == nullptr);
  DRKIT_TRY(source->finish(ctx));
  return text;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* const list = ::opendir("/proc/self/fd");
  while (::readdir(list) != nullptr) ++count;
  ::closedir(list);
  return count;
}

bool no_children_left() { return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Lines final : public LogSink {
 public:
  void log(LogLevel, std::string_view message) noexcept override { lines.emplace_back(message); }
  std::vector<std::string> lines;
};

Result<void> feed(const std::string& command, const std::vector<std::string>& parts, std::uint64_t size = 0) {
  const Context ctx;
  DRKIT_ASSIGN(const auto target, make_process_target(command));
  DRKIT_TRY(target->begin(ctx, {}));
  Entry entry;
  entry.path = "dump";
  entry.type = EntryType::stream;
  entry.size_bytes = size;
  DRKIT_ASSIGN(const auto sink, target->open(ctx, entry));
  std::uint64_t offset = 0;
  for (const std::string& part : parts) {
    DRKIT_TRY(sink->write_at(ctx, offset, as_bytes(part)));
    offset += part.size();
  }
  DRKIT_TRY(sink->close(ctx));
  return target->finish(ctx);
}

}  // namespace

TEST_CASE("the output of a command is the stream, whole") {
  const std::size_t before = open_descriptors();
  auto text = output_of("printf one; printf noise >&2; printf two");
  REQUIRE_MESSAGE(text.ok(), text.error().to_string());
  CHECK(*text == "onetwo");
  auto large = output_of("head -c 5000000 /dev/zero; head -c 300000 /dev/zero >&2");
  REQUIRE_MESSAGE(large.ok(), large.error().to_string());
  CHECK(large->size() == 5'000'000);
  CHECK(*output_of("true") == "");
  CHECK(open_descriptors() == before);
  CHECK(no_children_left());
}

TEST_CASE("a command that fails makes the stream fail, with its last words") {
  const auto failed = output_of("printf half; echo 'no such\ndatabase' >&2; exit 3");
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code() == ErrorCode::io);
  CHECK(failed.error().to_string() == "io: command exited with status 3 (stderr=no such | database)");
  const auto killed = output_of("printf half; kill -9 $$");
  REQUIRE_FALSE(killed.ok());
  CHECK(killed.error().message() == "command was killed by signal 9");
  const auto missing = output_of("drkit-no-such-command-here");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().message() == "command exited with status 127");
  const auto talker = output_of("head -c 20000 /dev/zero | tr '\\0' x >&2; exit 1");
  REQUIRE_FALSE(talker.ok());
  CHECK(talker.error().context().at(0).second.size() == 4096);
  CHECK(no_children_left());
}

TEST_CASE("standard error goes to the log line by line") {
  Lines lines;
  Context ctx;
  ctx.log = &lines;
  REQUIRE(output_of("echo first >&2; printf 'second\\001' >&2", ctx).ok());
  CHECK(lines.lines == std::vector<std::string>{"first", "second?"});
}

TEST_CASE("cancelling or dropping the source kills the whole group") {
  const TempDir dir;
  const std::string alive = dir / "alive";
  const std::string command = "(sleep 1; echo still > " + alive + ") & sleep 60";
  Context ctx;
  std::thread canceller([&ctx] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    ctx.cancel.cancel();
  });
  const auto start = std::chrono::steady_clock::now();
  const auto result = output_of(command, ctx);
  canceller.join();
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code() == ErrorCode::cancelled);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  {
    const auto source = make_process_source(command);
    REQUIRE((*source)->begin(Context()).ok());
  }
  CHECK(no_children_left());
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  CHECK(::access(alive.c_str(), F_OK) != 0);
}

TEST_CASE("the name of a process source holds no secret") {
  CHECK((*make_process_source("PGPASSWORD=secret pg_dump -d secret"))->info().name == "exec:pg_dump");
  CHECK((*make_process_source("A='my secret' pg_dump"))->info().name == "exec:command");
  CHECK((*make_process_source("cat x | sort"))->info().name == "exec:cat");
  CHECK_FALSE(make_process_source("").ok());
  CHECK_FALSE(make_process_source("true", "a/b").ok());
}

TEST_CASE("a command takes the stream on its standard input") {
  const TempDir dir;
  const std::string out = dir / "out";
  const std::string large(3'000'000, 'x');
  REQUIRE(feed("cat > " + out, {"head ", large, " tail"}).ok());
  CHECK(content_of(out) == "head " + large + " tail");
  REQUIRE(feed("cat > " + out, {"ab"}, 4).ok());
  CHECK(content_of(out) == std::string("ab\0\0", 4));
  CHECK(no_children_left());
}

TEST_CASE("a command that refuses its input is a failed restore, not a broken pipe signal") {
  const std::string large(3'000'000, 'x');
  const auto refused = feed("echo 'cannot restore' >&2; exit 4", {large});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().to_string() == "io: command exited with status 4 (stderr=cannot restore)");
  const auto early = feed("exec true", {large});
  REQUIRE_FALSE(early.ok());
  CHECK(early.error().message() == "command stopped reading its input before the end");
  const auto late = feed("cat > /dev/null; exit 5", {"all"});
  REQUIRE_FALSE(late.ok());
  CHECK(late.error().message() == "command exited with status 5");
}

TEST_CASE("a descriptor takes streams in order, and its reader may go away") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const Context ctx;
  const auto target = make_stdout_target(ends[1]);
  REQUIRE((*target)->begin(ctx, {}).ok());
  CHECK((*target)->info().sequential);
  Entry entry;
  entry.path = "f";
  entry.size_bytes = 6;
  auto sink = (*target)->open(ctx, entry);
  REQUIRE((*sink)->write_at(ctx, 2, as_bytes("ab")).ok());
  CHECK((*sink)->write_at(ctx, 0, as_bytes("x")).error().code() == ErrorCode::invalid_argument);
  REQUIRE((*sink)->close(ctx).ok());
  std::array<char, 16> got{};
  CHECK(::read(ends[0], got.data(), got.size()) == 6);
  CHECK(std::string(got.data(), 6) == std::string("\0\0ab\0\0", 6));
  ::close(ends[0]);
  auto second = (*target)->open(ctx, entry);
  CHECK_FALSE((*second)->write_at(ctx, 0, as_bytes("x")).ok());
  ::close(ends[1]);
}
