"""Throw-away clusters and repositories for the tests of the write-ahead log, all owned by the servers' account."""
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SERVERS = HERE.parent / "servers"
MAJOR = int(os.environ.get("DRKIT_WAL_MAJOR", "15"))
PACKAGE = os.environ.get("DRKIT_WAL_SERVER", "postgres_npm.sh")  # what has the other versions
CLIENTS = pathlib.Path("/usr/lib/postgresql/15/bin")  # they speak to every later server
ACCOUNT = "postgres"


def as_server():
    """The words before a command that make it run as the account that servers run as."""
    if os.geteuid() != 0:
        return []
    group = str(pwd.getpwnam(ACCOUNT).pw_gid)
    return ["setpriv", f"--reuid={ACCOUNT}", f"--regid={group}", "--init-groups", "env", "HOME=/tmp"]


def wait_for(what, condition, seconds=60, alive=None):
    """Until the condition holds. Time in which this process, and so perhaps the whole machine, stood still is not counted.
    `alive`: a process without which it never will."""
    waited = 0.0
    before = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        if alive is not None and alive.poll() is not None:
            raise AssertionError(f"waiting for {what}: the process ended with {alive.returncode}: {alive.stderr.read()}")
        if waited >= seconds:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)
        now = time.monotonic()
        waited += min(now - before, 1.0)
        before = now


class Cluster:
    """A cluster made by tests/servers, or one that drkit restored and started."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    @classmethod
    def make(cls, folder, *settings):
        script = ["postgres.sh", "start"] if MAJOR == 15 else [PACKAGE, "start", str(MAJOR)]
        subprocess.run([SERVERS / script[0], *script[1:], folder, *settings], check=True)
        return cls(folder)

    @property
    def conninfo(self):
        return (self.folder / "conninfo").read_text().strip()

    @property
    def bin(self):
        return (self.folder / "bin").read_text()

    def sql(self, *statements, check=True):
        words = [CLIENTS / "psql", "-qAtX", "-F", " ", "-d", self.conninfo]
        for statement in statements:
            words += ["-c", statement]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def script(self, text):
        """Runs statements one by one in one session; the rows that came back, in lists of fields."""
        done = subprocess.run([CLIENTS / "psql", "-qAtX", "-F", "|", "-d", self.conninfo], input=text,
                              capture_output=True, text=True, check=True, timeout=120)
        return [line.split("|") for line in done.stdout.splitlines()]

    def bench(self, seconds, clients=2):
        return subprocess.Popen([CLIENTS / "pgbench", "-n", "-c", str(clients), "-T", str(seconds), self.conninfo],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make_bench_tables(self):
        subprocess.run([CLIENTS / "pgbench", "-i", "-q", "-s", "1", self.conninfo], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def again(self):
        script = SERVERS / ("postgres.sh" if MAJOR == 15 else PACKAGE)
        subprocess.run([script, "again", self.folder], check=True)

    def stop(self, mode="fast"):
        script = SERVERS / ("postgres.sh" if MAJOR == 15 else PACKAGE)
        subprocess.run([script, "stop", self.folder, mode], check=False)


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="drkit-wal-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o755)
        self.drkit = self.dir / "drkit"
        shutil.copy(os.environ["DRKIT"], self.drkit)
        self.drkit.chmod(0o755)
        self.home = self.dir / "own"
        self.home.mkdir()
        self.password = self.home / "password"
        self.password.write_text("correct horse\n")
        self.password.chmod(0o600)
        self.repo = self.home / "repo"
        self.spool = self.home / "spool"
        self.give(self.home, self.password)
        self.clusters = 0
        self.run_drkit("init", self.repo)

    def give(self, *paths):
        """To the account that runs everything here."""
        for path in paths:
            if os.geteuid() == 0:
                shutil.chown(path, ACCOUNT, ACCOUNT)

    def command(self, *words):
        return [*as_server(), str(self.drkit), *map(str, words), "--password-file", str(self.password),
                "--cache-dir", ""]

    def run_drkit(self, *words, code=0, **more):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False, timeout=300, **more)
        if code is not None:
            self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done

    def json(self, *words, code=0):
        return json.loads(self.run_drkit(*words, "--json", code=code).stdout)

    def cluster(self, *settings):
        self.clusters += 1
        cluster = Cluster.make(self.dir / f"pg{self.clusters}", *settings)
        self.addCleanup(cluster.stop, "immediate")
        return cluster

    def backup(self, cluster):
        return self.json("backup", self.repo, "postgres:" + cluster.conninfo)["snapshot"]

    def beside(self, source):
        """A place for a copy of `source`, which is still to be restored and started, and the server options it needs."""
        self.clusters += 1
        folder = self.dir / f"pg{self.clusters}"
        folder.mkdir()
        self.give(folder)
        for name in ("bin", "lib"):
            shutil.copy(source.folder / name, folder / name)
        port = subprocess.run(["bash", "-c", f". {SERVERS}/common.sh; free_port"], capture_output=True, text=True,
                              check=True).stdout.strip()
        (folder / "conninfo").write_text(f"host={folder} port={port} user=drkit dbname=postgres\n")
        cluster = Cluster(folder)
        self.addCleanup(cluster.stop, "immediate")
        return cluster, f"-p {port} -k {folder}"

    def pitr(self, source, *words, code=0, archive=False):
        """Recovers and starts a cluster beside `source`; it and what drkit said. It archives only when asked to."""
        cluster, options = self.beside(source)
        document = self.json("pitr", self.repo, cluster.folder / "data", *words, "--start", "--bin-dir", cluster.bin,
                             "--server-options", options, "--spool", self.home / "fetched", "--prefetch", "2",
                             *(["--keep-archiving"] if archive else []), code=code)
        return cluster, document
