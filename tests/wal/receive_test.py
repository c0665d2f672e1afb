"""receive as a synchronous standby that is killed again and again; and log that the server no longer has.

DRKIT_WAL_KILLS=200 tests/wal/receive_test.py (with DRKIT set) runs the long form.
"""
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from cluster import CLIENTS, Case, wait_for

KILLS = int(os.environ.get("DRKIT_WAL_KILLS", "4"))
ROWS_PER_KILL = 400


class Receive(Case):
    def receive(self, cluster, *words):
        receiver = subprocess.Popen(self.command("wal", "receive", self.repo, cluster.conninfo, *words),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                    start_new_session=True)
        self.addCleanup(self.end, receiver)
        return receiver

    def end(self, receiver, number=signal.SIGKILL):
        if receiver.poll() is None:
            os.killpg(receiver.pid, number)
        receiver.wait()
        errors = receiver.stderr.read() if not receiver.stderr.closed else ""
        receiver.stderr.close()
        return errors

    def end_writer(self, writer):
        writer.kill()
        writer.communicate()

    def test_no_acknowledged_commit_is_lost(self):
        self.lose_the_primary(KILLS)

    def test_a_spool_acknowledges_too(self):
        """What only the spool has goes into the repository even when no server answers any more."""
        self.lose_the_primary(1, "--durable", "spool", "--spool", self.spool, "--store-every", "60000")
        self.assertEqual(list(self.spool.rglob("*.received")), [])

    def lose_the_primary(self, kills, *how):
        how = how or ("--synchronous",)
        primary = self.cluster()
        primary.sql("create table acked (id int)")
        self.backup(primary)
        receiver = self.receive(primary, "--slot", "drk", *how)
        self.wait_streaming(primary)
        primary.sql("alter system set synchronous_standby_names = 'drkit'", "select pg_reload_conf()")
        wait_for("synchronous", lambda: primary.sql("select 1 from pg_stat_replication where sync_state = 'sync'"))

        # The writer prints an id only when the server has acknowledged its commit.
        writer = subprocess.Popen([CLIENTS / "psql", "-qAtX", "-d", primary.conninfo], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end_writer, writer)
        acked = []
        chance = random.Random(5)
        row = 0
        for _ in range(kills):
            fatal = chance.randrange(ROWS_PER_KILL // 8)
            for step in range(ROWS_PER_KILL // 8):
                row += 1
                writer.stdin.write(f"insert into acked values ({row}) returning id;\n")
                writer.stdin.flush()
                if step == fatal:
                    # In the middle of a commit: it is only acknowledged when the next receiver has stored it.
                    time.sleep(chance.random() / 100)
                    self.end(receiver)
                    receiver = self.receive(primary, "--slot", "drk", *how)
                acked.append(int(writer.stdout.readline()))
        self.assertEqual(acked, list(range(1, row + 1)))
        writer.stdin.write(f"insert into acked values ({row + 1}) returning id;\n")
        writer.stdin.flush()
        primary.stop("immediate")
        self.end(receiver)
        if self.spool.exists():
            self.run_drkit("wal", "receive", self.repo, primary.conninfo, *how, "--once", code=1)
        shutil.rmtree(primary.folder / "data")

        recovered, _ = self.pitr(primary, "--latest")
        found = {int(line) for line in recovered.sql("select id from acked").split()}
        self.assertEqual(set(acked) - found, set())
        report = self.json("wal", "verify", self.repo)
        self.assertEqual(report["problems"], [])
        # The window knows the last transaction also where the log was still growing.
        plan = self.json("pitr", self.repo, "--plan", "--latest")["plan"]
        self.assertEqual(report["windows"][0]["end_time_ns"], plan["stop_time_ns"])

    def test_lost_log_is_recorded_as_a_gap(self):
        primary = self.cluster("wal_keep_size=48MB")
        primary.sql("create table history (id int)")
        self.backup(primary)
        receiver = self.receive(primary)
        self.wait_streaming(primary)
        primary.sql("insert into history values (1)", "select pg_switch_wal()")
        wait_for("a segment", lambda: any(item["kind"] == "segment"
                                          for item in self.json("wal", "list", self.repo)["wal"]))
        self.end(receiver, signal.SIGINT)
        lost = primary.sql("select pg_walfile_name(pg_current_wal_lsn())")
        for row in range(2, 9):
            primary.sql(f"insert into history values ({row})", "select pg_switch_wal()", "checkpoint")
        # A server that summarises its log keeps what it has not summarised yet.
        oldest = "select min(name) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'"
        wait_for("the loss", lambda: primary.sql("checkpoint", oldest) > lost)
        kept = primary.sql(oldest)
        receiver = self.receive(primary)
        gaps = wait_for("the gap", lambda: [item for item in self.json("wal", "list", self.repo)["wal"]
                                            if item["kind"] == "gap"])
        primary.sql("insert into history values (9)", "select pg_switch_wal()")
        end = gaps[0]["end_lsn"]
        # What the server still had is not lost.
        self.assertEqual(primary.sql(f"select pg_walfile_name('{end}'::pg_lsn + 1)"), kept)
        wait_for("log behind the gap", lambda: any(item["kind"] == "segment" and item["start_lsn"] == end
                                                   for item in self.json("wal", "list", self.repo)["wal"]))
        self.assertIn("is lost", self.end(receiver, signal.SIGINT))

        report = self.json("wal", "verify", self.repo, code=5)
        self.assertEqual([problem["code"] for problem in report["problems"]], ["wal_gap"])
        self.assertEqual(report["windows"][0]["end_lsn"], gaps[0]["start_lsn"])
        self.assertEqual(report["windows"][0]["ended_by"], "gap")
        self.run_drkit("pitr", self.repo, "--plan", "--lsn", end, code=4)
        document = self.json("snapshots", self.repo)
        self.assertEqual([window["ended_by"] for window in document["snapshots"][0]["recovery"]], ["gap"])
        self.assertEqual([(gap["start_lsn"], gap["end_lsn"]) for gap in document["gaps"]], [(gaps[0]["start_lsn"], end)])
        self.assertIn("removed", document["gaps"][0]["note"])
        text = self.run_drkit("snapshots", self.repo).stdout
        self.assertIn(" (gap)", text.splitlines()[1])
        self.assertRegex(text, rf"(?m)^gap  cluster [0-9]+  timeline 1  {gaps[0]['start_lsn']} \.\. {end}  .*removed")
        # A new backup begins a new window.
        self.backup(primary)
        document = self.json("snapshots", self.repo)
        self.assertEqual([one["recovery"][0]["ended_by"] for one in document["snapshots"]], ["gap", "end of log"])
        self.assertEqual(len(self.json("wal", "verify", self.repo, code=5)["windows"]), 2)

    def test_a_later_segment_hides_no_hole(self):
        """archive_mode was switched on while the receiver was down: what only the slot holds is still fetched."""
        primary = self.cluster()
        primary.sql("create table history (id int)")
        self.backup(primary)
        receiver = self.receive(primary, "--slot", "drk")
        self.wait_streaming(primary)
        self.wait_stored(primary, primary.sql("insert into history values (1)", "select pg_current_wal_lsn()"))
        self.end(receiver, signal.SIGINT)
        for row in range(2, 5):
            later = primary.sql(f"insert into history values ({row})", "select pg_walfile_name(pg_current_wal_lsn())",
                                "select pg_switch_wal()").split()[0]
        self.run_drkit("wal", "push", self.repo, primary.folder / "data" / "pg_wal" / later)
        report = self.json("wal", "verify", self.repo, code=5)
        self.assertEqual([problem["code"] for problem in report["problems"]], ["wal_hole"])
        receiver = self.receive(primary, "--slot", "drk")
        self.wait_stored(primary, primary.sql("insert into history values (5)", "select pg_current_wal_lsn()"))
        self.assertEqual(self.end(receiver, signal.SIGINT), "")
        self.assertEqual(self.json("wal", "verify", self.repo)["problems"], [])
        recovered, _ = self.pitr(primary, "--latest")
        self.assertEqual(recovered.sql("select count(*) from history"), "5")

    def test_a_slot_that_a_dead_connection_holds_is_waited_for(self):
        primary = self.cluster()
        held = self.receive(primary, "--slot", "drk")
        self.wait_streaming(primary)
        os.killpg(held.pid, signal.SIGSTOP)
        receiver = self.receive(primary, "--slot", "drk", "--store-every", "50")
        wait_for("a refusal", lambda: 'replication slot "drk" is active' in (primary.folder / "server.log").read_text(),
                 alive=receiver)
        self.end(held)
        written = primary.sql("create table history (id int)", "select pg_current_wal_lsn()")
        self.wait_stored(primary, written, receiver)
        self.assertIn("is active", self.end(receiver, signal.SIGINT))

    def test_the_size_of_segments_is_found_out(self):
        """From pieces alone: no file of the log is whole yet."""
        primary = self.cluster("wal_segment_size=1", "max_wal_size=8MB", "min_wal_size=2MB")
        primary.sql("create table history (id int)")
        self.backup(primary)
        receiver = self.receive(primary, "--store-every", "50")
        self.wait_streaming(primary)
        written = primary.sql("insert into history values (1)", "select pg_current_wal_lsn()")
        self.wait_stored(primary, written, receiver)
        self.assertEqual(self.end(receiver, signal.SIGINT), "")
        primary.stop("immediate")
        self.assertEqual({item["kind"] for item in self.json("wal", "list", self.repo)["wal"]}, {"piece"})
        report = self.json("wal", "verify", self.repo)
        self.assertEqual(report["problems"], [])
        plan = self.json("pitr", self.repo, "--plan", "--latest")["plan"]
        self.assertGreater(report["windows"][0]["end_time_ns"], report["windows"][0]["start_time_ns"])
        self.assertEqual(report["windows"][0]["end_time_ns"], plan["stop_time_ns"])
        recovered, _ = self.pitr(primary, "--latest")
        self.assertEqual(recovered.sql("select id from history"), "1")

    def test_timelines_are_followed(self):
        primary = self.cluster()
        primary.sql("create table history (id int)", "insert into history values (1)")
        self.backup(primary)
        receiver = self.receive(primary, "--store-every", "50")
        before = primary.sql("insert into history values (2)", "select pg_current_wal_lsn()")
        self.wait_stored(primary, before)
        recovered, document = self.pitr(primary, "--latest")
        self.assertEqual(document["reached"]["timeline"], 2)
        self.end(receiver, signal.SIGINT)
        primary.stop("immediate")
        receiver = self.receive(recovered, "--store-every", "50")
        after = recovered.sql("insert into history values (3)", "select pg_current_wal_lsn()")
        self.wait_stored(recovered, after)
        self.assertEqual(self.end(receiver, signal.SIGINT), "")
        recovered.stop("immediate")

        report = self.json("wal", "verify", self.repo)
        self.assertEqual(report["problems"], [])
        self.assertEqual([line["parent"] for line in report["timelines"]], [0, 1])
        again, document = self.pitr(recovered, "--latest")
        self.assertEqual(document["reached"]["timeline"], 3)
        self.assertEqual(again.sql("select id from history order by id").split(), ["1", "2", "3"])

    def wait_streaming(self, cluster):
        wait_for("the standby", lambda: cluster.sql("select 1 from pg_stat_replication where state = 'streaming'"))

    def wait_stored(self, cluster, lsn, receiver=None):
        wait_for("what was written", lambda: cluster.sql(
            f"select 1 from pg_stat_replication where flush_lsn >= '{lsn}'"), alive=receiver)


if __name__ == "__main__":
    unittest.main(verbosity=2)
