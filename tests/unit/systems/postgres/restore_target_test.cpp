#include <doctest/doctest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <drkit/postgres.hpp>

#include "systems/postgres/live_server.hpp"
#include "systems/postgres/tablespace_places.hpp"

using namespace drkit;

namespace {

// Writes down what every target made was asked to do.
struct Journal {
  std::vector<std::string> lines;
  std::string refuse;  ///< root whose begin fails
};

class RecordingTarget final : public RestoreTarget {
 public:
  RecordingTarget(Journal& journal, std::string root) : journal_(journal), root_(std::move(root)) {}
  TargetInfo info() const override { return {"recording", root_, false}; }
  Result<void> begin(const Context&, const RestoreSettings& settings) override {
    if (root_ == journal_.refuse) return Error(ErrorCode::precondition_failed, "not empty");
    return note(settings.delta ? "begin delta" : "begin");
  }
  Result<void> make(const Context&, const Entry& entry) override {
    return note("make " + entry.path + (entry.link_target.empty() ? "" : " -> " + entry.link_target));
  }
  Result<std::unique_ptr<Sink>> open(const Context&, const Entry& entry) override {
    DRKIT_TRY(note("open " + entry.path));
    return std::unique_ptr<Sink>();
  }
  Result<void> keep(const Context&, const Entry& entry) override { return note("keep " + entry.path); }
  Result<void> finish(const Context&) override { return note("finish"); }

 private:
  Result<void> note(const std::string& what) {
    journal_.lines.push_back(root_ + ": " + what);
    return {};
  }
  Journal& journal_;
  std::string root_;
};

MakeRestoreTarget maker(Journal& journal) {
  return [&journal](std::string root) -> Result<std::unique_ptr<RestoreTarget>> {
    return std::unique_ptr<RestoreTarget>(std::make_unique<RecordingTarget>(journal, std::move(root)));
  };
}

Entry entry(const std::string& path, EntryType type, const std::string& link = "") {
  Entry result;
  result.path = path;
  result.type = type;
  result.link_target = link;
  return result;
}

Result<void> make_spaces(RestoreTarget& target, const std::vector<std::pair<std::string, std::string>>& spaces) {
  Context ctx;
  DRKIT_TRY(target.begin(ctx, {}));
  for (const auto& [oid, location] : spaces) {
    DRKIT_TRY(target.make(ctx, entry("pg_tblspc/" + oid, EntryType::symlink, location)));
  }
  return {};
}

}  // namespace

TEST_CASE("tablespaces go to their new places, by oid, by old location, or below one folder") {
  Journal journal;
  PostgresRestoreOptions options;
  options.tablespaces = {{"16384", "/new/a"}, {"/old/b", "/new/b"}};
  options.all_tablespaces_under = "/all";
  auto target = make_postgres_target(maker(journal), "/data", options);
  REQUIRE(target.ok());
  Context ctx;
  RestoreSettings settings;
  settings.delta = true;
  REQUIRE((*target)->begin(ctx, settings).ok());
  REQUIRE((*target)->make(ctx, entry("pg_tblspc", EntryType::directory)).ok());
  REQUIRE((*target)->make(ctx, entry("pg_tblspc/16384", EntryType::symlink, "/old/a")).ok());
  REQUIRE((*target)->make(ctx, entry("pg_tblspc/16384/PG_15", EntryType::directory)).ok());
  REQUIRE((*target)->open(ctx, entry("pg_tblspc/16384/PG_15/1", EntryType::regular)).ok());
  REQUIRE((*target)->make(ctx, entry("pg_tblspc/16385", EntryType::symlink, "/old/b")).ok());
  REQUIRE((*target)->make(ctx, entry("pg_tblspc/16386", EntryType::symlink, "/old/c")).ok());
  REQUIRE((*target)->open(ctx, entry("PG_VERSION", EntryType::regular)).ok());
  // It would lead the server back to the old places.
  auto map = (*target)->open(ctx, entry("tablespace_map", EntryType::regular));
  REQUIRE(map.ok());
  CHECK((*map)->write_at(ctx, 0, as_bytes("16384 /old/a\n")).ok());
  CHECK((*map)->close(ctx).ok());
  REQUIRE((*target)->finish(ctx).ok());
  CHECK(journal.lines ==
        std::vector<std::string>{"/data: begin delta", "/data: make pg_tblspc", "/new/a: begin delta", "/new/a: make ",
                                 "/data: make pg_tblspc/16384 -> /new/a", "/new/a: make PG_15", "/new/a: open PG_15/1",
                                 "/new/b: begin delta", "/new/b: make ", "/data: make pg_tblspc/16385 -> /new/b",
                                 "/all/16386: begin delta", "/all/16386: make ",
                                 "/data: make pg_tblspc/16386 -> /all/16386", "/data: open PG_VERSION",
                                 "/new/a: finish", "/new/b: finish", "/all/16386: finish", "/data: finish"});
}

TEST_CASE("what a backup could not read is kept in the place that it belongs to") {
  Journal journal;
  auto target = make_postgres_target(maker(journal), "/data");
  REQUIRE(target.ok());
  REQUIRE(make_spaces(**target, {{"1", "/old/a"}}).ok());
  journal.lines.clear();
  for (const char* path : {"base/1", "pg_tblspc/1/PG_15/2", "pg_tblspc/9/PG_15/2"}) {
    CHECK((*target)->keep(Context(), entry(path, EntryType::regular)).ok());
  }
  CHECK(journal.lines ==
        std::vector<std::string>{"/data: keep base/1", "/old/a: keep PG_15/2", "/data: keep pg_tblspc/9/PG_15/2"});
}

TEST_CASE("without a new place the old one is used, and must be free") {
  Journal journal;
  auto target = make_postgres_target(maker(journal), "/data");
  REQUIRE(target.ok());
  CHECK(make_spaces(**target, {{"1", "/old/a"}}).ok());
  journal.refuse = "/old/b";
  CHECK(make_spaces(**target, {{"2", "/old/b"}}).error().code() == ErrorCode::precondition_failed);
}

TEST_CASE("places that cannot be are refused") {
  Journal journal;
  PostgresRestoreOptions options;
  options.tablespaces = {{"1", "relative"}};
  CHECK(make_postgres_target(maker(journal), "/data", options).error().code() == ErrorCode::invalid_argument);
  const auto outcome = [&](const std::vector<std::pair<std::string, std::string>>& spaces) {
    auto target = make_postgres_target(maker(journal), "/data");
    REQUIRE(target.ok());
    const auto made = make_spaces(**target, spaces);
    return made.ok() ? ErrorCode::ok : made.error().code();
  };
  CHECK(outcome({{"1", "../up"}}) == ErrorCode::invalid_argument);
  CHECK(outcome({{"1", "/data/pg_tblspc/x"}}) == ErrorCode::invalid_argument);
  CHECK(outcome({{"1", "/data"}}) == ErrorCode::invalid_argument);
  CHECK(outcome({{"1", "/a"}, {"2", "/a"}}) == ErrorCode::invalid_argument);
  CHECK(outcome({{"1", "/a"}, {"2", "/a/../a/b"}}) == ErrorCode::invalid_argument);
  CHECK(outcome({{"1", "/a"}, {"1", "/b"}}) == ErrorCode::corrupt);
  CHECK(outcome({{"1", "/data2"}, {"2", "/ab"}}) == ErrorCode::ok);
}

TEST_CASE("a delta restore writes over a tablespace only when it is the data directory's own") {
  namespace fs = std::filesystem;
  std::string folder = (fs::temp_directory_path() / "drkit-unit-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string data = folder + "/data", space = folder + "/space", other = folder + "/other";
  fs::create_directories(data + "/pg_tblspc");
  for (const std::string& place : {space, other}) {
    fs::create_directory(place);
    std::ofstream(place + "/file") << "x";
  }
  fs::create_symlink(space, data + "/pg_tblspc/16384");
  Journal journal;
  const auto outcome = [&](const std::string& location) {
    auto target = make_postgres_target(maker(journal), data);
    REQUIRE(target.ok());
    RestoreSettings settings;
    settings.delta = true;
    REQUIRE((*target)->begin(Context(), settings).ok());
    const auto made = (*target)->make(Context(), entry("pg_tblspc/16384", EntryType::symlink, location));
    return made.ok() ? ErrorCode::ok : made.error().code();
  };
  CHECK(outcome(space) == ErrorCode::ok);
  CHECK(outcome(other) == ErrorCode::precondition_failed);
  CHECK(outcome(folder + "/new") == ErrorCode::ok);
  fs::remove_all(folder);
}

TEST_CASE("mappings that fit nothing and places that are taken are found before anything is written") {
  namespace fs = std::filesystem;
  std::string folder = (fs::temp_directory_path() / "drkit-unit-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string taken = folder + "/taken";
  fs::create_directory(taken);
  std::ofstream(taken + "/file") << "x";
  const std::string data = folder + "/data";
  const auto outcome = [&](const std::map<std::string, std::string>& mapped, const RestoreSettings& settings) {
    Journal journal;
    PostgresRestoreOptions options;
    options.receipt["tablespaces"] = "16384=" + taken + "\n16385=" + folder + "/free";
    options.tablespaces = mapped;
    auto target = make_postgres_target(maker(journal), data, options);
    REQUIRE(target.ok());
    const auto begun = (*target)->begin(Context(), settings);
    if (!begun.ok()) CHECK(journal.lines.empty());
    return begun.ok() ? std::string() : begun.error().to_string();
  };
  CHECK(outcome({{"/typo", folder + "/a"}}, {}).find("not_found: the snapshot has no tablespace") == 0);
  CHECK(outcome({{"/typo", folder + "/a"}}, {}).find("16384=" + taken) != std::string::npos);
  CHECK(outcome({}, {}).find("precondition_failed: the location of a tablespace is not empty") == 0);
  CHECK(outcome({{"16384", folder + "/a"}}, {}).empty());
  CHECK(outcome({{taken, folder + "/a"}, {folder + "/free", folder + "/a/b"}}, {}).find("share a folder") !=
        std::string::npos);
  // Who restores a part of it may leave the tablespaces alone.
  RestoreSettings part;
  part.remove_unknown = false;
  CHECK(outcome({}, part).empty());
  fs::remove_all(folder);
}

TEST_CASE("a restored cluster follows nobody unless that is asked for") {
  const auto opened = [](bool keep) {
    Journal journal;
    PostgresRestoreOptions options;
    options.keep_standby = keep;
    auto target = make_postgres_target(maker(journal), "/data", options);
    REQUIRE(target.ok());
    REQUIRE((*target)->begin(Context(), {}).ok());
    REQUIRE((*target)->open(Context(), entry("standby.signal", EntryType::regular)).ok());
    return journal.lines;
  };
  CHECK(opened(false) == std::vector<std::string>{"/data: begin"});
  CHECK(opened(true) == std::vector<std::string>{"/data: begin", "/data: open standby.signal"});
}

TEST_CASE("a folder that an account cannot go through is named") {
  namespace fs = std::filesystem;
  std::string folder = (fs::temp_directory_path() / "drkit-unit-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  fs::create_directories(folder + "/a/b");
  using systems::postgres::closed_folder_above;
  constexpr uid_t kOther = 64999;
  CHECK(closed_folder_above(folder + "/a/b", kOther, kOther) == fs::canonical(folder).string());
  CHECK_FALSE(closed_folder_above(folder + "/a/b", 0, 0).has_value());
  fs::permissions(folder, fs::perms(0711));
  fs::permissions(folder + "/a", fs::perms(0755));
  CHECK_FALSE(closed_folder_above(folder + "/a/b", kOther, kOther).has_value());
  fs::permissions(folder + "/a", fs::perms(0750));
  CHECK(closed_folder_above(folder + "/a/b", kOther, kOther) == fs::canonical(folder + "/a").string());
  fs::remove_all(folder);
}

TEST_CASE("a pid file without its process counts as no server") {
  std::string folder = (std::filesystem::temp_directory_path() / "drkit-unit-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const auto pid_file = [&](const std::string& text) { std::ofstream(folder + "/postmaster.pid") << text; };
  CHECK_FALSE(systems::postgres::running_server(folder).has_value());
  // This process is alive but no server; the others name no process.
  for (const std::string& text : {std::to_string(::getpid()), std::string("0"), std::string("-5"), std::string("x"),
                                  std::string("1"), std::string("4194305")}) {
    pid_file(text + "\n" + folder + "\n");
    CHECK_FALSE(systems::postgres::running_server(folder).has_value());
  }
  std::filesystem::remove_all(folder);
}
