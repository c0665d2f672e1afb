"""How many transactions a second a server commits when each waits for a receiver: drkit's, or pg_receivewal."""
import re
import signal
import subprocess

import receive
from cluster import CLIENTS, wait_for

SCALE = 20
WARM_SECONDS = 20  # most pages have been written whole into the log by then


class Bench(receive.Bench):
    def __init__(self, clients, checkpoints):
        super().__init__()
        self.clients, self.checkpoints = clients, checkpoints

    def begin(self):
        self.setUp()
        self.server = self.cluster("max_wal_size=2GB", "synchronous_commit=on", "fsync=on", "autovacuum=off")
        subprocess.run([CLIENTS / "pgbench", "-i", "-q", "-s", str(SCALE), self.server.conninfo], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        self.load(WARM_SECONDS)

    def load(self, seconds):
        words = [CLIENTS / "pgbench", "-n", "-c", str(self.clients), "-j", "2", "-T", str(int(seconds)), self.server.conninfo]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def wait_for_receivers(self, yes):
        self.server.sql("alter system set synchronous_standby_names = " + ("'*'" if yes else "''"), "select pg_reload_conf()")
        if yes:
            wait_for("the standby", lambda: self.server.sql("select 1 from pg_stat_replication where sync_state = 'sync'"))

    def run_tool(self, tool, number, seconds, _rate):
        receiver = self.start(tool, number)
        try:
            wait_for("the receiver", lambda: self.server.sql("select 1 from pg_stat_replication where state = 'streaming'"))
            if self.checkpoints:
                self.server.sql("checkpoint")
            self.wait_for_receivers(True)
            said = self.load(seconds)
        finally:
            self.wait_for_receivers(False)
            receiver.send_signal(signal.SIGINT)
            receiver.wait()
        figures = {name: float(re.search(pattern, said)[1])
                   for name, pattern in (("tps", r"tps = ([\d.]+)"), ("latency_ms", r"latency average = ([\d.]+)"))}
        return figures


def measure_commits(options):
    return receive.measure(options, Bench(options.clients, options.checkpoints), ["drkit synchronous", "drkit spool", "pg_receivewal"])
