"""archive_command, restore_command and recovery to every kind of target, under load and over timelines."""
import json
import pathlib
import shutil
import struct
import subprocess
import unittest

from cluster import Case, wait_for

COMMITS = 40


class Archive(Case):
    def setUp(self):
        super().setUp()
        push = (f"{self.drkit} wal push {self.repo} %p --password-file {self.password} --spool {self.spool} --batch 4")
        self.primary = self.cluster("archive_mode=on", f"archive_command={push}")

    def wait_archived(self, cluster):
        """Everything written so far is in the repository."""
        name = cluster.sql("select pg_walfile_name(pg_switch_wal())")
        wait_for("the archiver", lambda: cluster.sql("select coalesce(last_archived_wal, '') from pg_stat_archiver") >= name)

    def record_history(self, cluster, first, count):
        """Commits rows and notes what the server said after each: id -> (xid, lsn, time)."""
        text = ""
        for row in range(first, first + count):
            text += (f"insert into history values ({row}) returning pg_current_xact_id();\n"
                     "select pg_current_wal_insert_lsn(), clock_timestamp();\n")
            if row % 10 == 0:
                text += f"select pg_create_restore_point('after {row}');\n"
        rows = [row for row in cluster.script(text)]
        noted, at = {}, 0
        for row in range(first, first + count):
            noted[row] = (rows[at][0], rows[at + 1][0], rows[at + 1][1])
            at += 3 if row % 10 == 0 else 2
        return noted

    def rows(self, cluster):
        return [int(row) for row in cluster.sql("select id from history order by id").split()]

    def check_target(self, expected_last, *words):
        cluster, document = self.pitr(self.primary, *words)
        self.assertTrue(document["reached"]["finished"], document)
        self.assertEqual(self.rows(cluster), list(range(1, expected_last + 1)), words)
        cluster.stop("immediate")
        return document

    def test_targets_and_timelines(self):
        primary = self.primary
        primary.make_bench_tables()
        primary.sql("create table history (id int)")
        first = self.backup(primary)
        load = primary.bench(4)
        noted = self.record_history(primary, 1, COMMITS // 2)
        second = self.backup(primary)
        noted.update(self.record_history(primary, COMMITS // 2 + 1, COMMITS // 2))
        load.wait()
        primary.sql("select pg_create_restore_point('the end')")
        self.wait_archived(primary)

        report = self.json("wal", "verify", self.repo)
        self.assertEqual(report["problems"], [])
        self.assertEqual({window["snapshot"] for window in report["windows"]}, {first["id"], second["id"]})

        # From the older snapshot when the target lies before the newer one.
        plan = self.json("pitr", self.repo, "--plan", "--xid", noted[5][0])["plan"]
        self.assertEqual(plan["snapshot"], first["id"])
        document = self.check_target(5, "--time", noted[5][2])
        self.assertEqual(document["plan"]["snapshot"], first["id"])
        for target, same in ((("--time", noted[5][2]), noted[5][2]), (("--lsn", noted[33][1]), noted[33][1]),
                             (("--xid", noted[30][0]), noted[30][0]), (("--name", "after 20"), "name:after 20")):
            self.assertEqual(self.json("pitr", self.repo, "--plan", *target), self.json("pitr", self.repo, "--plan", "--to", same))
        self.check_target(29, "--xid", noted[30][0], "--exclusive")
        self.check_target(33, "--lsn", noted[33][1])

        # What cannot be reached is refused before anything is written.
        self.run_drkit("pitr", self.repo, self.dir / "no", "--time", "2200-01-01 00:00:00Z", code=4)
        self.run_drkit("pitr", self.repo, self.dir / "no", "--time", "2001-01-01 00:00:00Z", code=4)
        self.run_drkit("pitr", self.repo, self.dir / "no", "--name", "never made", code=4)
        self.run_drkit("pitr", self.repo, self.dir / "no", "--lsn", "7F/0", code=4)
        self.assertFalse((self.dir / "no").exists())

        # A recovered cluster forks: its own timeline goes into the same repository, the old one goes on.
        fork, document = self.pitr(primary, "--name", "after 30", archive=True)
        self.assertEqual(document["reached"]["timeline"], 2)
        self.assertIn("after 30", document["reached"]["message"])
        self.assertEqual(document["reached"]["lsn"], document["plan"]["stop_lsn"])
        self.record_history(fork, 1031, 5)
        self.wait_archived(fork)
        wait_for("the history", lambda: any(item["kind"] == "history"
                                            for item in self.json("wal", "list", self.repo)["wal"]))
        fork.stop("immediate")
        primary.sql("insert into history values (41)")
        self.wait_archived(primary)

        report = self.json("wal", "verify", self.repo)
        self.assertEqual(report["problems"], [])
        forked = [line for line in report["timelines"] if line["timeline"] == 2][0]
        self.assertEqual(forked["parent"], 1)
        # Both go on from the newest snapshot: nobody guesses.
        asked = self.run_drkit("pitr", self.repo, "--plan", "--latest", code=2)
        self.assertIn("say which one: timeline 1 to ", asked.stderr)
        newest, document = self.pitr(primary, "--latest", "--timeline", "2")
        self.assertEqual(document["plan"]["timeline"], 2)
        self.assertEqual(self.rows(newest), list(range(1, 31)) + list(range(1031, 1036)))
        newest.stop("immediate")
        older, document = self.pitr(primary, "--latest", "--timeline", "1")
        self.assertEqual(self.rows(older), list(range(1, 42)))
        older.stop("immediate")
        # A server that is not given the log takes what it has for all of it: that is said, and is no success.
        cut, document = self.pitr(primary, "--latest", "--timeline", "1", "--restore-command", "false", code=1)
        self.assertIn("it did not get all of it", json.dumps(document))
        cut.stop("immediate")

    def test_contract_of_push_and_get(self):
        primary = self.primary
        primary.sql("create table history (id int)")
        self.backup(primary)
        for _ in range(3):
            primary.sql("insert into history values (1)")
            self.wait_archived(primary)
        listed = [item for item in self.json("wal", "list", self.repo)["wal"] if item["kind"] == "segment"]
        victim = listed[-2]
        number = int(victim["start_lsn"].split("/")[1], 16) >> 24
        name = f"0000000100000000000000{number:02X}"
        system = ["--system-id", victim["system_id"]]
        there = self.home / "there"

        self.run_drkit("wal", "get", self.repo, name, there, *system)
        self.assertEqual(there.stat().st_size, 16 << 20)
        self.run_drkit("wal", "get", self.repo, "0000000100000000000000F0", there, *system, code=1)
        self.run_drkit("wal", "get", self.repo, "00000009.history", there, *system, code=1)
        self.run_drkit("wal", "get", self.repo, "nonsense", there, *system, code=126)
        self.run_drkit("wal", "get", self.dir / "nowhere", name, there, *system, code=126)
        self.run_drkit("wal", "get", self.repo, code=126)

        # The server reaches the storage as the command did.
        place = self.home / "settings"
        self.run_drkit("pitr", self.repo, place, "--immediate", "--storage-user", "me", "--ca-file", "authorities.pem")
        settings = (place / "postgresql.auto.conf").read_text()
        self.assertIn(" --storage-user ''me'' ", settings)
        self.assertIn(f" --ca-file ''{pathlib.Path('authorities.pem').absolute()}'' ", settings)

        # Only the repository may say that the log ends; a destination that fails does not.
        self.run_drkit("wal", "get", self.repo, name, self.home / "absent" / "there", *system, code=126)
        with open("/dev/full", "w", encoding="ascii") as full:
            told = subprocess.run(self.command("wal", "get", self.repo, name, there, *system, "--json"), stdout=full,
                                  stderr=subprocess.DEVNULL, check=False, timeout=300)
        self.assertEqual(told.returncode, 126)
        # A spool in which nothing can be written is no reason to fail.
        self.run_drkit("wal", "get", self.repo, name, there, *system, "--spool", there, "--prefetch", "1")

        # The same bytes are success, others are refused and change nothing.
        copy = self.home / name
        shutil.copy(there, copy)
        self.give(copy)
        self.run_drkit("wal", "push", self.repo, copy, *system)
        data = bytearray(copy.read_bytes())
        data[9000] ^= 1
        copy.write_bytes(data)
        refused = self.run_drkit("wal", "push", self.repo, copy, *system, code=1)
        self.assertIn("already_exists", refused.stderr)
        self.run_drkit("wal", "get", self.repo, name, there, *system)
        self.assertNotEqual(there.read_bytes(), bytes(data))
        for cut in (0, 100, 16 << 19):
            copy.write_bytes(bytes(data[:cut]))
            self.assertIn("corrupt", self.run_drkit("wal", "push", self.repo, copy, *system, code=5).stderr)
        other = self.home / f"0000000100000000000000{number + 100:02X}"
        shutil.copy(there, other)
        self.give(other)
        self.assertIn("corrupt", self.run_drkit("wal", "push", self.repo, other, *system, code=5).stderr)

        # A hole is found, and nothing behind it is promised.
        (self.repo / victim["key"]).unlink()
        report = self.json("wal", "verify", self.repo, code=5)
        self.assertEqual([problem["code"] for problem in report["problems"]], ["wal_hole"])
        self.assertEqual(report["problems"][0]["start_lsn"], victim["start_lsn"])
        self.assertEqual(report["windows"][0]["end_lsn"], victim["start_lsn"])
        self.assertEqual(report["windows"][0]["ended_by"], "hole")
        self.run_drkit("pitr", self.repo, "--plan", "--lsn", victim["end_lsn"], code=4)
        latest = self.run_drkit("pitr", self.repo, "--plan", "--latest", "--json")
        self.assertEqual(json.loads(latest.stdout)["plan"]["ended_by"], "hole")
        self.assertIn("a hole in the stored log begins there", latest.stderr)

        # A damaged object never reaches the server.
        damaged = pathlib.Path(self.repo / listed[-1]["key"])
        content = bytearray(damaged.read_bytes())
        content[len(content) // 2] ^= 1
        damaged.write_bytes(content)
        there.unlink()
        self.run_drkit("wal", "get", self.repo, f"0000000100000000000000{number + 1:02X}", there, *system, code=126)
        self.assertFalse(there.exists())


class Marks(Case):
    def test_a_repository_that_is_made_anew_has_none_of_the_files(self):
        segment = self.home / "000000010000000000000005"
        page = struct.pack("<HHIQIIQII", 0xD110, 2, 1, 5 << 20, 0, 0, 7, 1 << 20, 8192)
        segment.write_bytes(page.ljust(1 << 20, b"\0"))
        self.give(segment)
        push = ("wal", "push", self.repo, segment, "--spool", self.spool)
        self.assertEqual([self.json(*push)["outcome"] for _ in range(2)], ["stored", "was_there"])
        self.repo.rename(self.home / "lost")
        self.run_drkit("init", self.repo)
        self.assertEqual([self.json(*push)["outcome"] for _ in range(2)], ["stored", "was_there"])
        self.assertEqual(len(self.json("wal", "list", self.repo)["wal"]), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
