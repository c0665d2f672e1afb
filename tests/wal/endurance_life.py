"""What the long runs share: a cluster that is killed, writers that note what was acknowledged, a receiver."""
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

from cluster import CLIENTS, Case, Cluster, as_server, wait_for

READY_SECONDS = 300  # other programs may hold the machine for a while


def children_of(parent):
    """Ids of the processes that `parent` has started and that still run."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def keep(life, folder):
    """Copies the files of a run that failed; its server may still be at work on them."""
    subprocess.run(["cp", "-a", str(life.dir), folder], check=False)


class Heartbeat(threading.Thread):
    """Notes when the whole machine stood still: what was measured meanwhile says nothing about anybody."""

    def __init__(self):
        super().__init__(daemon=True)
        self.last_stall = 0.0
        self.start()

    def run(self):
        before = time.monotonic()
        while True:
            time.sleep(0.05)
            now = time.monotonic()
            if now - before > 1:
                self.last_stall = now
            before = now

    def is_calm(self, seconds):
        return time.monotonic() - self.last_stall > seconds


class Primary:
    """A cluster whose processes end all at once, as when the machine loses power but not its disk's cache."""

    def __init__(self, cluster):
        self.cluster = cluster

    def kill(self):
        """When nobody could commit any more; the dead are cleared away afterwards."""
        postmaster = int((self.cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
        # A postmaster that stands still starts nobody whom the list would miss.
        send(postmaster, signal.SIGSTOP)
        family = [postmaster, *children_of(postmaster)]
        for pid in family:
            send(pid, signal.SIGKILL)
        ended = time.time()
        wait_for("the server's end", lambda: not any(lives(pid) for pid in family), READY_SECONDS)
        # Where nobody reaps, the dead one's id would still look alive to the next start.
        for lock in (self.cluster.folder / "data" / "postmaster.pid", *self.cluster.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink()
        return ended

    def start(self):
        # Another test of the machine may have taken the port meanwhile; then this fails loudly.
        words = [*as_server(), "env", *self.library_path(), self.cluster.bin + "/pg_ctl", "-D",
                 self.cluster.folder / "data", "-l", self.cluster.folder / "server.log", "-w", "-t", str(READY_SECONDS), "-s", "start"]
        if subprocess.run(words, check=False, stdout=subprocess.DEVNULL).returncode != 0:
            raise AssertionError((self.cluster.folder / "server.log").read_text()[-2000:])

    def library_path(self):
        library = (self.cluster.folder / "lib").read_text()
        return [f"LD_LIBRARY_PATH={library}"] if library else []


class Writer(threading.Thread):
    """Commits numbered rows in a session of its own, and notes on disk each that the server has acknowledged."""

    def __init__(self, number, cluster, folder, pause):
        super().__init__(daemon=True)
        self.number, self.cluster, self.pause = number, cluster, pause
        self.path = folder / f"acknowledged-{number}"
        self.file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.sent = 0
        self.acknowledged = 0
        self.ending = threading.Event()
        self.session = None
        self.start()

    def run(self):
        while not self.ending.is_set():
            with subprocess.Popen([CLIENTS / "psql", "-qAtX", "-d", self.cluster.conninfo], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as self.session:
                while self.write_one():
                    self.ending.wait(self.pause)
                self.session.kill()
                self.session.stdin = None
            self.ending.wait(0.05)

    def write_one(self):
        if self.ending.is_set():
            return False
        self.sent += 1
        try:
            self.session.stdin.write(f"insert into acked values ({self.number}, {self.sent}) returning id;\n")
            self.session.stdin.flush()
            answer = self.session.stdout.readline()
        except (OSError, ValueError):
            return False
        if answer.strip() != str(self.sent):
            return False
        os.write(self.file, f"{self.sent} {time.time()}\n".encode())
        os.fsync(self.file)
        self.acknowledged += 1
        return True

    def end(self):
        self.ending.set()
        if self.session is not None:
            self.session.kill()
        self.join()
        os.close(self.file)

    def noted(self):
        """Row -> when its acknowledgement was noted."""
        return {int(row): float(when) for row, when in map(str.split, self.path.read_text().splitlines())}


class Ballast(threading.Thread):
    """Bulk changes that wait for nobody: they fill segments while the writers commit."""

    def __init__(self, cluster, kilobytes, chance):
        super().__init__(daemon=True)
        self.cluster, self.kilobytes, self.chance = cluster, kilobytes, chance
        self.ending = threading.Event()
        if kilobytes:
            self.start()

    def run(self):
        while not self.ending.wait(self.chance.random() * 0.3):
            rows = self.chance.randrange(self.kilobytes)
            self.cluster.sql("set synchronous_commit = local", "truncate ballast",
                             "insert into ballast select string_agg(md5(random()::text), '') "
                             f"from generate_series(1, 32 * {rows}) as line group by line % {max(rows, 1)}", check=False)

    def end(self):
        self.ending.set()
        if self.ident:
            self.join()


class Life(Case):
    """One cluster with its own repository, from initdb to the loss of its disk."""

    def runTest(self):  # pylint: disable=invalid-name
        """Only here so that the class can be made without a name of a test."""

    def begin(self, options, seed, *settings):
        self.setUp()
        self.options = options
        self.chance = random.Random(seed)
        # What a killed server leaves behind must lie in its own folder.
        self.primary = Primary(self.cluster("fsync=on", "dynamic_shared_memory_type=mmap", "max_wal_size=256MB",
                                            "checkpoint_timeout=30s", *settings))
        self.server = self.primary.cluster
        self.server.sql("create table acked (writer int, id int)", "create unlogged table nothing ()",
                        "create table ballast (line text)")
        self.receiver = None
        self.writers = []
        self.addCleanup(self.stop_receiver)

    def start_receiver(self, *words, cluster=None, slot="drk"):
        log = open(self.dir / "receiver.log", "a", encoding="utf-8")  # pylint: disable=consider-using-with
        self.receiver = subprocess.Popen(self.command("wal", "receive", self.repo, (cluster or self.server).conninfo,
                                                      "--slot", slot, *words), stdout=subprocess.DEVNULL, stderr=log)
        log.close()

    def stop_receiver(self, number=signal.SIGKILL):
        if self.receiver is None:
            return
        self.receiver.send_signal(number)
        self.receiver.wait()
        self.receiver = None

    def start_writers(self):
        self.writers = [Writer(number, self.server, self.home, self.options.pause)
                        for number in range(1, self.options.writers + 1)]
        self.ballast = Ballast(self.server, self.options.ballast, random.Random(self.chance.random()))
        self.addCleanup(self.end_writers)

    def end_writers(self):
        writers, self.writers = self.writers, []
        for writer in writers:
            writer.ending.set()
        for writer in writers:
            writer.end()
        if writers:
            self.ballast.end()
        return writers

    def wait_for_commits(self, what="commits"):
        """Until every writer was answered once more."""
        before = {writer: writer.acknowledged for writer in self.writers}
        wait_for(what, lambda: all(self.receiver_lives() and writer.acknowledged > count
                                   for writer, count in before.items()), READY_SECONDS)

    def receiver_lives(self):
        if self.receiver.poll() is None:
            return True
        raise AssertionError("the receiver gave up: " + (self.dir / "receiver.log").read_text()[-2000:])

    def rows_of(self, cluster):
        rows = {}
        for line in cluster.sql("select writer, id from acked").splitlines():
            writer, row = map(int, line.split())
            rows.setdefault(writer, []).append(row)
        return rows

    def recover(self):
        """A cluster with everything that the repository holds."""
        recovered, document = self.pitr(self.server, "--latest")
        self.assertTrue(document["reached"]["finished"], document)
        return Cluster(recovered.folder)
