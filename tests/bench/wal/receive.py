"""How far a receiver is behind what the server has flushed, while log is written as fast as the machine can."""
import pathlib
import signal
import statistics
import subprocess
import threading
import time

from cluster import CLIENTS, Case, as_server, wait_for

SAMPLE = ("select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), flush_lsn), pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0') "
          "from pg_stat_replication where application_name <> '';\n")
# Half of a row compresses.
MAKE = ("create table source as select line, md5(random()::text) || md5(random()::text) as one, repeat('text ', 13) as two "
        "from generate_series(1, 400000) as line", "create index on source (line)", "create table load (like source)", "analyze source")
LOAD = "truncate load;\ninsert into load select * from source;\n"
STEP = ("insert into load select * from source where line between {0} and {0} + 3999;\n"
        "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint;\n")


class Load(threading.Thread):
    """Writes log at a rate, or as fast as the server can (0)."""

    def __init__(self, conninfo, megabytes_per_second):
        super().__init__(daemon=True)
        self.rate = megabytes_per_second * 1e6
        self.ending = threading.Event()
        self.session = subprocess.Popen([CLIENTS / "psql", "-qAtX", "-d", conninfo], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.start()

    def run(self):
        if self.rate == 0:
            self.session.stdin.write(LOAD * 200)
            self.session.stdin.flush()
            return
        began, first, line = time.monotonic(), None, 0
        while not self.ending.is_set():
            self.session.stdin.write(("truncate load;\n" if line == 0 else "") + STEP.format(line))
            self.session.stdin.flush()
            position = int(self.session.stdout.readline() or 0)
            first = position if first is None else first
            line = (line + 4000) % 400000
            self.ending.wait(max(0.0, (position - first) / self.rate - (time.monotonic() - began)))

    def end(self):
        self.ending.set()
        if self.rate:
            self.join()
        self.session.kill()
        self.session.communicate()


class Bench(Case):
    def runTest(self):  # pylint: disable=invalid-name
        """Only here so that the class can be made without a name of a test."""

    def begin(self):
        self.setUp()
        self.server = self.cluster("max_wal_size=2GB", "synchronous_commit=off", "fsync=on", "autovacuum=off")
        self.server.sql(*MAKE)

    def start(self, tool, number):
        if tool == "pg_receivewal":
            folder = self.home / f"received{number}"
            folder.mkdir()
            self.give(folder)
            words = [*as_server(), str(CLIENTS / "pg_receivewal"), "-d", self.server.conninfo, "-D", str(folder),
                     "--synchronous", "--no-loop"]
        else:
            self.repo = self.home / f"repo{number}"
            self.run_drkit("init", self.repo)
            how = {"drkit": [], "drkit synchronous": ["--synchronous"],
                   "drkit spool": ["--durable", "spool", "--spool", self.home / f"spool{number}"]}[tool]
            words = self.command("wal", "receive", self.repo, self.server.conninfo, *how)
        return subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)

    # One session asks again and again: a connection for each sample would disturb what is measured.
    def sample(self, seconds):
        lags, positions, times = [], [], []
        with subprocess.Popen([CLIENTS / "psql", "-qAtX", "-F", " ", "-d", self.server.conninfo], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as session:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                session.stdin.write(SAMPLE)
                session.stdin.flush()
                lag, position = map(int, session.stdout.readline().split())
                lags.append(lag)
                positions.append(position)
                times.append(time.monotonic())
                time.sleep(0.02)
            session.stdin.close()
        rate = (positions[-1] - positions[0]) / (times[-1] - times[0])
        ordered = sorted(lags)
        return {"lag_median_mib": statistics.median(lags) / 2**20, "lag_p95_mib": ordered[len(lags) * 95 // 100] / 2**20,
                "wal_mb_per_second": rate / 1e6, "samples": len(lags)}

    def run_tool(self, tool, number, seconds, rate):
        receiver = self.start(tool, number)
        try:
            wait_for("the receiver", lambda: self.server.sql("select 1 from pg_stat_replication where state = 'streaming'"))
            load = Load(self.server.conninfo, rate)
            time.sleep(1)
            figures = self.sample(seconds)
            load.end()
            self.server.sql("select pg_cancel_backend(pid) from pg_stat_activity where query like '%insert into load%' "
                            "and pid <> pg_backend_pid()")
        finally:
            receiver.send_signal(signal.SIGINT)
            receiver.wait()
        return figures


def measure_receive(options):
    return measure(options, Bench(), ["drkit", "drkit synchronous", "drkit spool", "pg_receivewal"])


def measure(options, bench, tools):
    """Every tool in turns, as often as asked."""
    tools = options.only or tools
    results = {tool: [] for tool in tools}
    number = 0
    try:
        bench.begin()
        for run in range(options.runs):
            for tool in tools:
                number += 1
                results[tool].append(bench.run_tool(tool, number, options.seconds, options.rate))
                options.say(f"run {run + 1}, {tool}: {results[tool][-1]}")
                for path in pathlib.Path(bench.home).glob("*[0-9]"):
                    subprocess.run(["rm", "-rf", path], check=True)
    finally:
        bench.doCleanups()
    return results
