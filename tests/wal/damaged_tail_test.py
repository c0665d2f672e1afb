"""The server is gone, and so is a part of the last, growing object of the log: what lies before is recovered, and nobody takes it for all."""
import os
import signal
import subprocess
import unittest

from cluster import Case, wait_for

ROWS = range(1, 13)


class DamagedTail(Case):
    def tails(self):
        """The stored objects that grow: their kind stands in the eighth byte."""
        files = [path for path in (self.repo / "wal").rglob("*") if path.is_file()]
        return [path for path in files if path.read_bytes()[7:8] == bytes([13])]

    def receive(self, primary):
        receiver = subprocess.Popen(self.command("wal", "receive", self.repo, primary.conninfo, "--synchronous", "--slot", "drk"),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.addCleanup(receiver.stderr.close)
        self.addCleanup(self.kill, receiver)
        return receiver

    def kill(self, receiver):
        if receiver.poll() is None:
            os.killpg(receiver.pid, signal.SIGKILL)
        receiver.wait()

    def spoil_tail(self):
        """Damages one of the last, but not the last, of its pieces."""
        victim = max(self.tails(), key=lambda path: path.stat().st_mtime_ns)
        spoiled = bytearray(victim.read_bytes())
        spoiled[len(spoiled.rstrip(b"\0")) * 4 // 5] ^= 1
        victim.write_bytes(spoiled)
        return victim

    def receive_history(self):
        """A server whose disk is lost, and the end of each commit."""
        primary = self.cluster("synchronous_standby_names=drkit")
        receiver = self.receive(primary)
        primary.sql("create table history (id int)")
        self.backup(primary)
        primary.sql("select pg_switch_wal()")
        ends = [primary.sql(f"insert into history values ({row})", "select pg_current_wal_lsn()") for row in ROWS]
        primary.stop("immediate")
        self.kill(receiver)
        return primary, ends

    def stored_until(self):
        return max(int(item["end_lsn"].split("/")[1], 16) for item in self.json("wal", "list", self.repo)["wal"] if item["kind"] == "piece")

    def test_what_lies_before_is_recovered_and_is_not_all(self):
        primary, ends = self.receive_history()
        self.assertEqual(self.json("wal", "verify", self.repo, "--read")["problems"], [])
        self.spoil_tail()
        until = self.stored_until()
        before = [row for row, end in zip(ROWS, ends) if int(end.split("/")[1], 16) <= until]
        self.assertTrue(0 < len(before) < len(ROWS), (before, ends, hex(until)))
        listed = [item for item in self.json("wal", "list", self.repo)["wal"] if item["damaged"]]
        self.assertEqual([item["kind"] for item in listed], ["tail"])
        self.assertEqual(int(listed[0]["start_lsn"].split("/")[1], 16), until)
        self.assertIn("damaged", self.run_drkit("wal", "list", self.repo).stdout)
        self.assertIn("(damaged)", self.run_drkit("snapshots", self.repo).stdout)
        for words in (("wal", "verify", self.repo), ("check", self.repo, "latest", "--level", "chunks")):
            self.run_drkit(*words, code=5)
        report = self.json("wal", "verify", self.repo, "--read", code=5)
        self.assertEqual([problem["code"] for problem in report["problems"]], ["wal_damaged"])
        self.assertIn("is damaged", self.run_drkit("pitr", self.repo, self.home / "no", "--latest", code=5).stderr)
        self.assertFalse((self.home / "no").exists())

        name = f"00000001{0:08X}{until // (16 << 20):08X}"
        place = self.home / "segment"
        self.assertIn("is damaged", self.run_drkit("wal", "get", self.repo, name, place, code=126).stderr)
        self.assertFalse(place.exists())
        self.run_drkit("wal", "get", self.repo, name, place, "--up-to-damage")
        self.assertEqual(place.stat().st_size, 16 << 20)

        # All that can be read of the last segment is of use.
        back, said = self.pitr(primary, "--lsn", ends[len(before) - 2])
        self.assertTrue(said["reached"]["finished"])
        self.assertEqual(back.sql("select id from history order by id").split(), [str(row) for row in before[:-1]])
        back.stop("immediate")

    def test_a_receiver_stores_it_anew_while_the_server_has_it(self):
        primary, _ = self.receive_history()
        victim = self.spoil_tail()
        self.json("wal", "verify", self.repo, code=5)
        primary.again()
        receiver = self.receive(primary)
        primary.sql("insert into history values (99)")
        self.assertEqual(self.json("wal", "verify", self.repo, "--read")["problems"], [])
        primary.sql("select pg_switch_wal()", "insert into history values (100)")
        wait_for("its segment to replace the damaged tail", lambda: not victim.exists(), alive=receiver)
        self.assertEqual(self.json("check", self.repo, "--level", "chunks")["status"], "complete")
        primary.stop("immediate")
        back, _ = self.pitr(primary, "--latest")
        self.assertEqual(back.sql("select id from history order by id").split(), [str(row) for row in [*ROWS, 99, 100]])
        back.stop("immediate")


if __name__ == "__main__":
    unittest.main(verbosity=2)
