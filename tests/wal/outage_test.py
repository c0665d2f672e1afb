"""receive as a synchronous standby with a spool, while the storage is away: commits go on until the spool is full."""
import shutil
import signal
import subprocess
import threading
import unittest

from cluster import CLIENTS, SERVERS, Case, wait_for

SEGMENT = 1 << 20


class Outage(Case):
    def setUp(self):
        super().setUp()
        self.dav = self.dir / "dav"
        self.storage("start")
        self.addCleanup(self.storage, "stop")
        secret = self.home / "dav"
        secret.write_text("drkit-test\n")
        secret.chmod(0o600)
        self.give(secret)
        self.access = ["--storage-user", "drkit", "--storage-password-file", str(secret)]
        self.repo = "webdav+" + (self.dav / "url").read_text().strip().rstrip("/") + "/backup"
        self.run_drkit("init", self.repo)
        self.receivers = 0
        self.primary = self.cluster("wal_segment_size=1", "max_wal_size=8MB", "min_wal_size=2MB")
        self.primary.sql("create table acked (id int, line text)")
        self.backup(self.primary)
        self.acked = []

    def storage(self, verb):
        subprocess.run([SERVERS / "rclone_webdav.sh", verb, self.dav], check=True)

    def command(self, *words):
        return [*super().command(*words), *getattr(self, "access", [])]

    def receive(self, *words):
        """Its lines go to a file, so that they can be read while it runs."""
        self.receivers += 1
        self.said = self.dir / f"said{self.receivers}"
        with self.said.open("w") as lines:
            receiver = subprocess.Popen(
                self.command("wal", "receive", self.repo, self.primary.conninfo, "--slot", "drk", "--durable", "spool",
                             "--spool", self.spool, *words), stdout=subprocess.DEVNULL, stderr=lines)
        self.addCleanup(self.end, receiver)
        return receiver

    def end(self, receiver, number=signal.SIGKILL):
        if receiver.poll() is None:
            receiver.send_signal(number)
        return receiver.wait()

    def wait_sync(self):
        wait_for("the synchronous standby", lambda: self.primary.sql(
            "select 1 from pg_stat_replication where sync_state = 'sync' and state = 'streaming'"))

    def begin(self, *words):
        receiver = self.receive(*words)
        wait_for("the standby", lambda: self.primary.sql("select 1 from pg_stat_replication where state = 'streaming'"))
        self.primary.sql("alter system set synchronous_standby_names = 'drkit'", "select pg_reload_conf()")
        self.wait_sync()
        return receiver

    def write(self, rows):
        """Commits rows of some hundred KB, one by one, in a thread; an id counts when the server acknowledged it."""
        def work():
            for row in rows:
                done = subprocess.run(
                    [CLIENTS / "psql", "-qAtX", "-d", self.primary.conninfo, "-c",
                     f"insert into acked select {row}, string_agg(md5(random()::text), '') from generate_series(1, 8000)"],
                    capture_output=True, text=True, check=False)
                if done.returncode != 0 or "canceling" in done.stderr:
                    return
                self.acked.append(row)
        writer = threading.Thread(target=work)
        writer.start()
        return writer

    def files(self):
        return sorted(self.spool.rglob("*.received"))

    def check_nothing_lost(self):
        self.primary.stop("immediate")
        report = self.json("wal", "verify", self.repo)
        self.assertEqual(report["problems"], [])
        recovered, _ = self.pitr(self.primary, "--latest")
        found = {int(line) for line in recovered.sql("select id from acked").split()}
        self.assertEqual(set(self.acked) - found, set())

    def stored_up_to(self):
        lsns = [item["end_lsn"].split("/") for item in self.json("wal", "list", self.repo)["wal"]]
        return max((int(high, 16) << 32 | int(low, 16) for high, low in lsns), default=0)

    def test_commits_go_on_while_the_storage_is_away(self):
        receiver = self.begin()
        self.storage("kill")
        writer = self.write(range(1, 25))
        writer.join(timeout=240)
        self.assertFalse(writer.is_alive(), f"commits wait since row {len(self.acked)}")
        self.assertEqual(self.acked, list(range(1, 25)))
        self.assertGreater(len(self.files()), 4)
        # A server that restarts meanwhile is received from again, also without the storage.
        self.primary.stop("fast")
        self.primary.again()
        self.wait_sync()
        more = self.write(range(25, 31))
        more.join(timeout=240)
        self.assertEqual(self.acked, list(range(1, 31)))
        self.storage("start")
        written = int(self.primary.sql("select (pg_current_wal_flush_lsn() - '0/0')::bigint"))
        wait_for("the storage to catch up", lambda: self.stored_up_to() >= written, 120)
        wait_for("the spool to be given back", lambda: len(self.files()) <= 1)
        self.assertIsNone(receiver.poll())
        self.assertEqual(self.end(receiver, signal.SIGINT), 0)
        self.assertNotIn("is full", self.said.read_text())
        self.check_nothing_lost()

    def test_a_full_spool_pauses_and_a_kill_loses_nothing(self):
        receiver = self.begin("--spool-bytes", "4MiB")
        self.storage("kill")
        writer = self.write(range(1, 32))
        wait_for("the spool to be full", lambda: "the spool is full" in self.said.read_text())
        wait_for("the commits to wait", lambda: self.primary.sql(
            "select 1 from pg_stat_activity where wait_event = 'SyncRep'"))
        self.assertEqual(len(self.files()), 4)
        self.assertTrue(writer.is_alive())
        self.assertGreater(len(self.acked), 3)
        self.assertIsNone(receiver.poll())
        self.end(receiver)
        self.storage("start")
        receiver = self.receive("--spool-bytes", "4MiB")
        writer.join(timeout=240)
        self.assertFalse(writer.is_alive())
        self.assertEqual(self.acked, list(range(1, 32)))
        # What the spool alone has goes into the repository without the server, too.
        self.end(receiver)
        shutil.rmtree(self.primary.folder / "data" / "pg_wal", ignore_errors=True)
        self.run_drkit("wal", "receive", self.repo, "host=/nowhere", "--slot", "drk", "--durable", "spool", "--spool",
                       self.spool, "--once", code=1)
        self.assertEqual(self.files(), [])
        self.check_nothing_lost()

    def test_it_goes_on_by_itself_after_a_full_spool(self):
        receiver = self.begin("--spool-bytes", "3MiB")
        self.storage("kill")
        writer = self.write(range(1, 27))
        wait_for("the spool to be full", lambda: "the spool is full" in self.said.read_text())
        self.storage("start")
        writer.join(timeout=240)
        self.assertFalse(writer.is_alive())
        self.assertEqual(self.acked, list(range(1, 27)))
        self.assertEqual(self.end(receiver, signal.SIGINT), 0)
        self.check_nothing_lost()


if __name__ == "__main__":
    unittest.main(verbosity=2)
