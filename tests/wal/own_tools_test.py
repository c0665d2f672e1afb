"""A snapshot made of changes, and what PostgreSQL's own tools make of the same moment: the same files, and they agree."""
import hashlib
import pathlib
import shutil
import subprocess
import unittest

from cluster import Case, as_server

# What a backup says of itself, and of when it was made.
OWN = ("backup_label", "backup_manifest", "tablespace_map", "global/pg_control")
ROWS = "select md5(string_agg(line::text, ',' order by id)) from {} line"
TABLES = ("busy", "cut", "young")


def digests(root):
    found = {}
    for path in pathlib.Path(root).rglob("*"):
        name = str(path.relative_to(root))
        if path.is_file() and not name.startswith("pg_wal/") and name not in OWN:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


class OwnTools(Case):
    def setUp(self):
        super().setUp()
        self.server = self.cluster("autovacuum=off", "summarize_wal=on", "max_wal_size=1GB")
        self.server.sql("create table busy (id int primary key, line text) with (fillfactor = 80)",
                        "insert into busy select i, repeat('b', 100) from generate_series(1, 40000) i",
                        "create table cut as select i as id, repeat('c', 300) as line from generate_series(1, 20000) i",
                        "create table young (id int)", "vacuum freeze", "checkpoint")

    def tool(self, name, *words):
        done = subprocess.run([*as_server(), pathlib.Path(self.server.bin) / name, *map(str, words)], capture_output=True,
                              text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, f"{name}: {done.stdout}{done.stderr}")
        return done.stdout

    def base_backup(self, name, *words):
        self.tool("pg_basebackup", "-d", self.server.conninfo, "-D", self.home / name, "-c", "fast", "--no-sync", *words)
        return self.home / name

    def change(self, turn):
        self.server.sql(f"update busy set line = 'turn {turn}' where id % 400 = {turn}",
                        f"delete from cut where id > {18000 - 6000 * turn}", "vacuum (truncate) cut", "drop table young",
                        f"create table young as select i as id from generate_series(1, {7000 * turn}) i",
                        "create index on young (id)", "vacuum freeze", "checkpoint")

    def start_copy(self, data):
        copy, options = self.beside(self.server)
        shutil.move(data, copy.folder / "data")
        subprocess.run([*as_server(), copy.bin + "/pg_ctl", "-D", copy.folder / "data", "-l", copy.folder / "server.log", "-w",
                        "-s", "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
        return copy

    def test_they_agree(self):
        self.backup(self.server)
        chain = [self.base_backup("full")]
        for turn in (1, 2):
            self.change(turn)
            snapshot = self.json("backup", self.repo, "postgres:" + self.server.conninfo, "--mode", "stream")
            chain.append(self.base_backup(f"step{turn}", "--incremental", chain[-1] / "backup_manifest"))
        self.assertIn("incremental_from", snapshot["snapshot"]["receipt"])
        incremental = [path for path in chain[-1].rglob("INCREMENTAL.*") if path.stat().st_size > 0]
        self.assertGreater(len(incremental), 100)
        combined = self.home / "combined"
        self.tool("pg_combinebackup", *chain, "-o", combined, "--no-sync")
        restored = self.home / "restored"
        self.run_drkit("restore", self.repo, "latest", restored)

        ours, theirs = digests(restored), digests(combined)
        self.assertGreater(len(theirs), 900)
        self.assertEqual({name for name in theirs if ours.get(name) != theirs[name]}, set())
        self.assertEqual(set(ours), set(theirs))
        # The server's programs read our manifest, files and log, and our files by the checksums of theirs.
        self.tool("pg_verifybackup", restored)
        self.tool("pg_verifybackup", "-n", "-m", combined / "backup_manifest", *[f"--ignore={name}" for name in OWN], restored)

        before = [self.server.sql(ROWS.format(table)) for table in TABLES]
        copy = self.start_copy(restored)
        self.assertEqual([copy.sql(ROWS.format(table)) for table in TABLES], before)
        copy.sql("create extension amcheck")
        where = dict(word.split("=") for word in copy.conninfo.split())
        self.tool("pg_amcheck", "--heapallindexed", "-h", where["host"], "-p", where["port"], "-U", where["user"], "postgres")


if __name__ == "__main__":
    unittest.main(verbosity=2)
