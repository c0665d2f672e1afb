"""Copies that were started without recovery, trials that were thrown away, log that is damaged: what recovery makes of them."""
import json
import pathlib
import subprocess
import unittest

from cluster import SERVERS, Case, Cluster, as_server, wait_for


class Archiving(Case):
    def setUp(self):
        super().setUp()
        self.push = f"{self.drkit} wal push {self.repo} %p --password-file {self.password}"
        self.primary = self.cluster("archive_mode=on", f"archive_command={self.push}")
        self.primary.sql("create table history (id int)")

    def archived(self, cluster, row):
        """A row, and its log in the repository."""
        name = cluster.sql(f"insert into history values ({row})", "select pg_walfile_name(pg_switch_wal())")
        wait_for("the archiver", lambda: cluster.sql("select coalesce(last_archived_wal, '') from pg_stat_archiver") >= name)


class Branches(Archiving):
    def start_copy(self, data, *settings):
        """Starts what `restore` made, as somebody does who knows nothing of recovery."""
        copy, options = self.beside(self.primary)
        data.rename(copy.folder / "data")
        options = " ".join([options, *(f"-c {setting}" for setting in settings)])
        subprocess.run([*as_server(), copy.bin + "/pg_ctl", "-D", copy.folder / "data", "-l", copy.folder / "server.log", "-w",
                        "-s", "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
        return copy

    def test_a_copy_without_recovery_is_another_history(self):
        first = self.backup(self.primary)
        for row in (1, 2, 3, 4):
            self.archived(self.primary, row)
        self.primary.stop("fast")
        place = self.home / "copy"
        self.run_drkit("restore", self.repo, first["id"], place)
        copy = self.start_copy(place)
        self.assertEqual(copy.sql("select timeline_id from pg_control_checkpoint()"), "1")
        for row in (101, 102):
            copy.sql(f"insert into history values ({row})", "select pg_switch_wal()")
        wait_for("the refusal", lambda: int(copy.sql("select failed_count from pg_stat_archiver")) > 0)

        told = self.run_drkit("backup", self.repo, "postgres:" + copy.conninfo, "--json")
        second = json.loads(told.stdout)["snapshot"]
        self.assertIn("the log in the repository is not this snapshot's", told.stderr)
        report = self.json("wal", "verify", self.repo, code=5)
        self.assertEqual([problem["code"] for problem in report["problems"]], ["wal_other_history"])
        self.assertIn(second["id"][:8], report["problems"][0]["message"])
        refused = self.run_drkit("pitr", self.repo, self.home / "no", "--latest", code=None)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("the log in the repository is not this snapshot's", refused.stderr)
        self.assertFalse((self.home / "no").exists())
        copy.stop("fast")

        # Each branch comes back by its own snapshot.
        mine, _ = self.pitr(copy, "--immediate")
        self.assertEqual(mine.sql("select id from history order by id").split(), ["101", "102"])
        mine.stop("immediate")
        theirs, _ = self.pitr(copy, "--latest", "--snapshot", first["id"])
        self.assertEqual(theirs.sql("select id from history order by id").split(), ["1", "2", "3", "4"])
        theirs.stop("immediate")

    def test_a_trial_leaves_nothing_behind(self):
        self.backup(self.primary)
        self.archived(self.primary, 1)
        trial, options = self.beside(self.primary)
        self.json("pitr", self.repo, trial.folder / "data", "--latest", "--start", "--bin-dir", trial.bin,
                  "--server-options", options)
        self.assertEqual(trial.sql("show archive_mode"), "off")
        trial.sql("insert into history values (900)", "select pg_switch_wal()")
        trial.stop("fast")
        self.archived(self.primary, 2)
        self.assertEqual([line["timeline"] for line in self.json("wal", "verify", self.repo)["timelines"]], [1])

        # One that was told to archive is there, and the user is asked which one is meant, until a snapshot says it.
        kept, options = self.beside(self.primary)
        self.json("pitr", self.repo, kept.folder / "data", "--latest", "--start", "--bin-dir", kept.bin, "--server-options", options,
                  "--keep-archiving")
        self.assertEqual(kept.sql("show archive_mode"), "on")
        self.archived(kept, 901)
        kept.stop("fast")
        self.archived(self.primary, 3)
        asked = self.run_drkit("pitr", self.repo, "--plan", "--latest", code=2)
        self.assertIn("say which one: timeline 1 to ", asked.stderr)
        self.assertEqual(self.json("pitr", self.repo, "--plan", "--latest", "--timeline", "0x2")["plan"]["timeline"], 2)
        self.assertIn(" on 2", self.run_drkit("snapshots", self.repo).stdout)
        newest = self.backup(self.primary)
        self.archived(self.primary, 4)
        plan = self.json("pitr", self.repo, "--plan", "--latest")["plan"]
        self.assertEqual((plan["timeline"], plan["snapshot"]), (1, newest["id"]))
        self.assertEqual([end["timeline"] for end in plan["timelines"]], [1, 2])

    def test_damage_is_found_before_anything_is_written(self):
        self.backup(self.primary)
        for row in (1, 2, 3):
            self.archived(self.primary, row)
        self.primary.stop("fast")
        listed = [item for item in self.json("wal", "list", self.repo)["wal"] if item["kind"] == "segment"]
        victim = pathlib.Path(self.repo / listed[-2]["key"])
        whole = victim.read_bytes()
        spoiled = bytearray(whole)
        spoiled[len(spoiled) // 2] ^= 1
        victim.write_bytes(spoiled)
        self.assertEqual(self.json("wal", "verify", self.repo)["problems"], [])
        report = self.json("wal", "verify", self.repo, "--read", code=5)
        self.assertEqual([problem["code"] for problem in report["problems"]], ["wal_damaged"])
        self.assertEqual(report["windows"][0]["proof"], "content")
        self.assertLessEqual(int(report["windows"][0]["end_lsn"].split("/")[1], 16), int(listed[-2]["start_lsn"].split("/")[1], 16))
        refused = self.run_drkit("pitr", self.repo, self.home / "no", "--latest", code=5)
        self.assertIn("log that recovery needs is damaged", refused.stderr)
        self.assertFalse((self.home / "no").exists())
        # The way out that it names is one.
        position = refused.stderr.split("up to the position ")[1].split(",")[0].split()[0]
        back, _ = self.pitr(self.primary, "--lsn", position)
        self.assertIn("1", back.sql("select id from history order by id").split())
        back.stop("immediate")

        victim.write_bytes(whole[:100])
        self.assertIn("wal_damaged", [problem["code"] for problem in self.json("wal", "verify", self.repo, code=5)["problems"]])
        victim.unlink()
        found = self.json("check", self.repo, "--level", "chunks", code=5)["report"]["findings"]
        self.assertEqual([(finding["code"], finding["severity"]) for finding in found], [("wal_hole", "damage")])
        victim.write_bytes(whole)
        self.assertEqual(self.json("wal", "verify", self.repo, "--read")["problems"], [])
        self.json("check", self.repo, "latest", "--level", "chunks")


class Standbys(Archiving):
    def test_a_standby_is_backed_up_without_an_alarm(self):
        self.backup(self.primary)
        self.archived(self.primary, 1)
        standby = Cluster(self.dir / "standby")
        subprocess.run([SERVERS / "postgres.sh", "standby", standby.folder, self.primary.folder], check=True,
                       stdout=subprocess.DEVNULL)
        self.addCleanup(standby.stop, "immediate")
        self.primary.sql("insert into history values (2)", "checkpoint")
        taken = self.backup(standby)
        self.assertEqual(taken["receipt"]["backup_from"], "standby")
        self.assertEqual(self.json("wal", "verify", self.repo)["problems"], [])
        self.archived(self.primary, 3)
        report = self.json("wal", "verify", self.repo, "--read")
        self.assertEqual(report["problems"], [])
        window = [one for one in report["windows"] if one["snapshot"] == taken["id"]][0]
        self.assertNotEqual(window["start_lsn"], window["end_lsn"])
        plan = self.json("pitr", self.repo, "--plan", "--latest")["plan"]
        self.assertEqual((plan["snapshot"], plan["log_was_read"]), (taken["id"], True))


class Words(Case):
    def test_what_cannot_be_meant_is_refused(self):
        for words, part in ((("--time", "2026-02-30 00:00:00Z"), "a time looks like"), (("--latest", "--exclusive"), "just before"),
                            (("--latest", "--timeline", "zero"), "a timeline is a number")):
            refused = self.run_drkit("pitr", self.repo, "--plan", *words, code=2)
            self.assertIn(part, refused.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
