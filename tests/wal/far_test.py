"""The log in far storages: pushed, received by a synchronous standby over an outage of the storage, and recovered."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "storages"))

import servers  # noqa: E402
from cluster import Case, wait_for  # noqa: E402

ROWS = 30


class Far(Case):
    def open_place(self, kind):
        place = kind(self.dir / "store")
        self.addCleanup(place.stop)
        place.start()
        # The archiver, restore_command and the tests all find the storage's credentials here.
        kept = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(kept)))
        os.environ.update(place.environment())
        self.repo = place.address("wal")
        self.run_drkit("init", self.repo)
        return place

    def archive_and_recover(self, kind):
        self.open_place(kind)
        primary = self.cluster("archive_mode=on")
        push = f'{self.drkit} wal push "{self.repo}" %p --password-file {self.password} --cache-dir ""'
        primary.sql(f"alter system set archive_command = $${push}$$", "select pg_reload_conf()", "create table history (id int)")
        self.backup(primary)
        for row in range(1, ROWS + 1):
            primary.sql(f"insert into history values ({row})")
        primary.sql("select pg_create_restore_point('noon')", "insert into history values (1000)")
        name = primary.sql("select pg_walfile_name(pg_switch_wal())")
        wait_for("the archiver", lambda: primary.sql("select coalesce(last_archived_wal, '') from pg_stat_archiver") >= name)
        self.assertEqual(primary.sql("select failed_count from pg_stat_archiver"), "0")
        self.assertEqual(self.json("wal", "verify", self.repo)["problems"], [])
        recovered, document = self.pitr(primary, "--name", "noon")
        self.assertTrue(document["reached"]["finished"], document)
        self.assertEqual(recovered.sql("select count(*), max(id) from history"), f"{ROWS} {ROWS}")

    def receive_and_recover(self, kind):
        place = self.open_place(kind)
        primary = self.cluster()
        primary.sql("create table acked (id int)")
        self.backup(primary)
        receiver = subprocess.Popen(self.command("wal", "receive", self.repo, primary.conninfo, "--slot", "drk", "--synchronous"),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.addCleanup(receiver.stderr.close)
        self.addCleanup(receiver.wait)
        self.addCleanup(receiver.kill)
        wait_for("the receiver", lambda: primary.sql("select 1 from pg_stat_replication where state = 'streaming'"), alive=receiver)
        primary.sql("alter system set synchronous_standby_names = 'drkit'", "select pg_reload_conf()")
        wait_for("synchronous", lambda: primary.sql("select 1 from pg_stat_replication where sync_state = 'sync'"), alive=receiver)
        for row in range(1, ROWS + 1):
            if row == ROWS // 2:
                place.kill()
                waiting = subprocess.Popen(["psql", "-qAtX", "-d", primary.conninfo, "-c", f"insert into acked values ({row})"])
                time.sleep(1)
                self.assertIsNone(waiting.poll(), "a commit was acknowledged that no storage holds")
                place.revive()
                self.assertEqual(waiting.wait(timeout=120), 0)
            else:
                primary.sql(f"insert into acked values ({row})")
        primary.stop("immediate")
        os.killpg(receiver.pid, signal.SIGKILL)
        receiver.wait()
        shutil.rmtree(primary.folder / "data")
        self.assertEqual(self.json("wal", "verify", self.repo)["problems"], [])
        recovered, _ = self.pitr(primary, "--latest")
        self.assertEqual(recovered.sql("select count(*), max(id) from acked"), f"{ROWS} {ROWS}")

    def test_archive_to_s3(self):
        self.archive_and_recover(servers.Versitygw)

    def test_archive_to_sftp(self):
        self.archive_and_recover(servers.SftpPassword)

    def test_receive_into_s3(self):
        self.receive_and_recover(servers.Versitygw)

    def test_receive_into_webdav(self):
        self.receive_and_recover(servers.Apache)


if __name__ == "__main__":
    import unittest
    unittest.main(verbosity=2)
