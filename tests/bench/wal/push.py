"""100 finished segments through the server's archiver, one tool after the other, again and again."""
import os
import pathlib
import shutil
import subprocess
import time

from cluster import Case, as_server, wait_for

PGBACKREST = """[global]
repo1-path={home}/repo
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=correct horse battery staple
compress-type=zst
compress-level=1
process-max=2
archive-async={asynchronous}
log-level-console=warn
log-level-file=off
lock-path={home}/lock
spool-path={home}/spool
[main]
pg1-path={data}
pg1-port={port}
pg1-socket-path={sockets}
pg1-user=drkit
"""


class Bench(Case):
    def runTest(self):  # pylint: disable=invalid-name
        """Only here so that the class can be made without a name of a test."""

    def begin(self, options):
        self.setUp()
        self.options = options
        self.server = self.cluster("archive_mode=on", "archive_command=", "max_wal_size=20GB", "checkpoint_timeout=1d",
                                   "wal_keep_size=8GB", "full_page_writes=on")
        self.server.make_bench_tables()
        self.fill()

    # Ordinary work, so that the files compress as files of the log do.
    def fill(self):
        while len(self.waiting()) < self.options.segments:
            self.server.bench(1).wait()
            self.server.sql("checkpoint", "update pgbench_accounts set abalance = abalance + 1 where aid % 7 = 0")
        self.names = sorted(self.waiting())[:self.options.segments]
        for path in self.status().glob("*.ready"):
            if path.stem not in self.names:
                path.unlink()
        self.server.stop("fast")

    def status(self):
        return self.server.folder / "data" / "pg_wal" / "archive_status"

    def waiting(self):
        return [path.stem for path in self.status().glob("*.ready")]

    def settings_of(self, tool, home):
        """What makes the archiver use the tool, after it has been prepared."""
        if tool.startswith("pgbackrest"):
            return ["archive_command=" + self.prepare_pgbackrest(home, tool.endswith("async"))]
        self.repo = home / "repo"
        self.run_drkit("init", self.repo)
        key = self.home / "writer.key"
        if not key.exists():
            subprocess.run([*as_server(), self.drkit, "keygen", key], check=True, stdout=subprocess.DEVNULL)
        self.run_drkit("key", "add", self.repo, "--recipient", str(key) + ".pub", "--role", "write", "--label", "db")
        if tool == "drkit library":
            module = self.prepare_module()
            return [f"archive_library={module}", f"drkit_archive.repository={self.repo}", f"drkit_archive.key_file={key}",
                    f"drkit_archive.spool_directory={home}/spool", "drkit_archive.batch=8"]
        command = f"{self.drkit} wal push {self.repo} %p --key-file {key} --cache-dir {home}/cache"
        if tool == "drkit batch":
            command += f" --spool {home}/spool --batch 8"
        return ["archive_command=" + command]

    def prepare_module(self):
        folder = self.dir / "module"
        if not folder.exists():
            shutil.copytree(self.options.library, folder, symlinks=False,
                            ignore=lambda _, names: [n for n in names if not n.startswith(("libdrkit.so", "drkit_archive"))])
            for path in folder.iterdir():
                path.chmod(0o755)
            folder.chmod(0o755)
        return folder / "drkit_archive"

    def prepare_pgbackrest(self, home, asynchronous):
        port = self.server.conninfo.split("port=")[1].split()[0]
        config = home / "conf"
        config.write_text(PGBACKREST.format(home=home, data=self.server.folder / "data", port=port,
                                            sockets=self.server.folder, asynchronous="y" if asynchronous else "n"))
        self.give(config)
        words = f"pgbackrest --config={config} --stanza=main"
        self.control("start", "-c archive_command=")
        subprocess.run([*as_server(), *words.split(), "stanza-create"], check=True)
        self.control("stop")
        return words + " archive-push %p"

    def control(self, verb, options=""):
        words = [*as_server(), self.server.bin + "/pg_ctl", "-D", self.server.folder / "data", "-s", "-w", verb]
        if verb == "start":
            words += ["-l", self.server.folder / "server.log", "-o", options]
        else:
            words += ["-m", "immediate"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

    # The files are offered anew: the server sees them as never archived.
    def offer(self):
        for path in self.status().iterdir():
            path.unlink()
        for name in self.names:
            ready = self.status() / (name + ".ready")
            ready.touch()
            self.give(ready)

    def run_tool(self, tool):
        home = self.home / f"run{self.clusters}"
        self.clusters += 1
        home.mkdir()
        self.give(home)
        settings = self.settings_of(tool, home)
        self.offer()
        os.sync()
        self.control("start", " ".join(f"-c '{setting}'" for setting in settings))
        began = time.time()
        last = self.status() / (self.names[-1] + ".done")
        wait_for("the archiver", last.exists, 600)
        ended = max((self.status() / (name + ".done")).stat().st_ctime for name in self.names)
        self.control("stop")
        stored = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
        shutil.rmtree(home)
        seconds = ended - began
        return {"seconds": seconds, "segments_per_second": len(self.names) / seconds, "stored_mb": stored / 1e6}


def measure_push(options):
    bench = Bench()
    tools = options.only or ["drkit", "drkit batch", "drkit library", "pgbackrest", "pgbackrest async"]
    results = {tool: [] for tool in tools}
    try:
        bench.begin(options)
        for run in range(options.runs):
            for tool in tools:
                results[tool].append(bench.run_tool(tool))
                options.say(f"run {run + 1}, {tool}: {results[tool][-1]}")
    finally:
        bench.doCleanups()
    return results
