#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/posix_file.hpp"
#include "systems/postgres/data_directory.hpp"
#include "testing/temp_dir.hpp"

using namespace drkit;
using namespace drkit::systems::postgres;
namespace fs = std::filesystem;

namespace {

std::string number_of(std::string_view name) {
  bool is_init = false;
  const std::string number(relation_number(name, is_init));
  return number + (is_init ? " init" : "");
}

void write(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "x";
}

std::string listing(const fs::path& root) {
  const auto fd = base::open_file(root.string(), O_RDONLY | O_DIRECTORY);
  REQUIRE(fd.ok());
  const auto tree = find_cluster_files(Context(), fd->get(), "PG_15_1");
  REQUIRE_MESSAGE(tree.ok(), tree.error().to_string());
  std::string text;
  for (const FoundFile& file : tree->files) {
    text += file.path + (file.type == EntryType::directory ? "/" : file.type == EntryType::symlink ? "@" : "") + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("names of relation files are understood") {
  CHECK(number_of("16384") == "16384");
  CHECK(number_of("16384.3") == "16384");
  CHECK(number_of("16384_fsm") == "16384");
  CHECK(number_of("16384_vm.1") == "16384");
  CHECK(number_of("16384_init") == "16384 init");
  CHECK(number_of("16384_init.1") == "16384 init");
  CHECK(number_of("16384_other").empty());
  CHECK(number_of("16384.x").empty());
  CHECK(number_of("16384_initx").empty());
  CHECK(number_of("pg_filenode.map").empty());
  CHECK(number_of("").empty());
  CHECK(is_temporary_relation("t3_16384"));
  CHECK(is_temporary_relation("t3_16384_fsm"));
  CHECK(is_temporary_relation("t12_16384.1"));
  CHECK_FALSE(is_temporary_relation("t_16384"));
  CHECK_FALSE(is_temporary_relation("t3_"));
  CHECK_FALSE(is_temporary_relation("table_1"));
}

TEST_CASE("the walk gives what the server would send, in path order") {
  const testing::TempDir dir;
  const fs::path root = dir.path() + "/data", space = dir.path() + "/space";
  for (const char* name : {"PG_VERSION",
                           "postmaster.pid",
                           "backup_label.old",
                           "current_logfiles",
                           "global/pg_control",
                           "global/1260",
                           "global/pg_internal.init",
                           "base/1/2619",
                           "base/1/2619_fsm",
                           "base/1/16390",
                           "base/1/16390_fsm",
                           "base/1/16390_init",
                           "base/1/t4_16400",
                           "base/1/pg_filenode.map",
                           "base/pgsql_tmp/pgsql_tmp7.0",
                           "pg_replslot/one/state",
                           "pg_wal/000000010000000000000001",
                           "pg_stat/pgstat.stat",
                           "pg_stat_tmp/x",
                           "log/t4_16400",
                           "postgresql.conf"}) {
    write(root / name);
  }
  write(space / "PG_15_1" / "5" / "16500");
  write(space / "PG_14_1" / "5" / "16500");
  fs::create_directories(root / "pg_tblspc" / "16450" / "PG_15_1");  // made in place
  fs::create_directory_symlink(space, root / "pg_tblspc" / "16449");
  fs::create_symlink("/etc/passwd", root / "odd_link");
  CHECK(listing(root) ==
        "PG_VERSION\nbase/\nbase/1/\nbase/1/16390_init\nbase/1/2619\nbase/1/2619_fsm\nbase/1/pg_filenode.map\n"
        "global/\nglobal/1260\nlog/\nlog/t4_16400\npg_replslot/\npg_stat/\npg_stat/pgstat.stat\npg_stat_tmp/\n"
        "pg_tblspc/\npg_tblspc/16449@\npg_tblspc/16449/PG_15_1/\npg_tblspc/16449/PG_15_1/5/\n"
        "pg_tblspc/16449/PG_15_1/5/16500\npg_tblspc/16450/\npg_tblspc/16450/PG_15_1/\npg_wal/\npostgresql.conf\n");
}
