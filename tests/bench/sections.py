"""What is measured: each section fills results with runs of several tools, taken in turns."""

import os
import shutil

import tools
from measure import Failure, warm

TRANSACTIONS = 20000


class Bench:
    """What the sections share; repositories are made by the first section that needs them."""

    def __init__(self, options, folder, runner, cluster):
        self.options, self.runner, self.cluster = options, runner, cluster
        self.place = tools.Place(os.path.join(folder, "places"))
        os.chmod(self.place.folder, 0o755)
        self.folder = folder
        self.results = []
        self.stream = self.drkit("drkit-stream")
        self.files = self.drkit("drkit-files")
        self.restic = tools.Restic(runner, self.place, "restic")
        self.pgbackrest = tools.PgBackRest(runner, self.place, cluster, options.threads) if cluster else None
        self.have = set()
        self.age_key = None

    def drkit(self, name):
        return tools.Drkit(self.runner, self.place, name, self.options.drkit, self.options.threads)

    def turns(self, section, entries):
        """entries: (label, label of the drkit run to compare with or None, prepare). prepare is outside of the time
        and returns (command, path whose bytes count)."""
        rows = [{"section": section, "label": label, "against": against, "runs": []} for label, against, _ in entries]
        for turn in range(self.options.runs):
            for row, (label, _, prepare) in zip(rows, entries):
                command, stored = prepare()
                self.options.say(f"{section}: {label}, run {turn + 1} of {self.options.runs}")
                row["runs"].append(self.runner.measure(command, stored))
        self.results += rows

    def running(self, archive=None):
        self.cluster.start()
        if archive:
            archive.archive()
        else:
            self.cluster.archive_with("/bin/true")
        self.cluster.settle()

    def stopped(self):
        """A server that is stopped already stays so: starting and stopping it would change files."""
        if self.cluster.running():
            self.cluster.archive_with("/bin/true")
            self.cluster.stop()
        warm(self.cluster.data)

    def files_up_to_date(self):
        """Stops the server and takes into both repositories of its files what starting and stopping has changed."""
        self.stopped()
        self.runner.call(self.files.backup(self.local_source()))
        self.runner.call(self.restic.backup(self.cluster.data))

    def local_source(self):
        return "file://" + self.cluster.data

    def stream_backup(self, *more):
        return self.stream.backup(self.cluster.source, "--mode", "stream", *more)

    def need(self, name):
        """Makes the first backup of a repository that no earlier section has made, without measuring it."""
        if name in self.have:
            return
        if name == "stream":
            self.running()
            self.stream.init()
            self.runner.call(self.stream_backup())
        elif name == "pgbackrest":
            self.running()
            self.pgbackrest.init()
            self.runner.call(self.pgbackrest.backup("full"))
        elif name == "files":
            self.stopped()
            self.files.init()
            self.runner.call(self.files.backup(self.local_source()))
        elif name == "restic":
            self.stopped()
            self.restic.init()
            self.runner.call(self.restic.backup(self.cluster.data))
        self.have.add(name)

    def recipient(self):
        if not self.age_key:
            path = os.path.join(self.folder, "age.key")
            self.runner.call(["age-keygen", "-o", path])
            self.age_key = self.runner.call(["age-keygen", "-y", path]).strip()
        return self.age_key


def stream(bench):
    def drkit():
        bench.running()
        bench.stream.init()
        return bench.stream_backup(), bench.stream.name

    def pgbackrest():
        bench.cluster.start()
        bench.pgbackrest.init()
        bench.cluster.settle()
        return bench.pgbackrest.backup("full"), bench.pgbackrest.name

    def basebackup():
        bench.running()
        target = bench.place.fresh("basebackup", owner="postgres")
        return tools.basebackup(bench.cluster, target), target

    bench.running()
    warm(bench.cluster.data)
    bench.turns("stream", [("drkit postgres:", None, drkit), ("pgBackRest full", "drkit postgres:", pgbackrest),
                           ("pg_basebackup -Ft zstd (not encrypted)", "drkit postgres:", basebackup)])
    bench.have |= {"stream", "pgbackrest"}
    bench.place.fresh("basebackup")


def files(bench):
    def drkit():
        bench.files.init()
        return bench.files.backup(bench.local_source()), bench.files.name

    def archive():
        target = bench.place.fresh("tar.zst.age")
        return tools.tar_zstd_age(bench.cluster.data, bench.recipient(), target, bench.options.threads), target

    def restic():
        bench.restic.init()
        return bench.restic.backup(bench.cluster.data), bench.restic.name

    bench.stopped()
    bench.turns("files", [("drkit file://", None, drkit), ("tar | zstd | age", "drkit file://", archive),
                          ("restic", "drkit file://", restic)])
    bench.have |= {"files", "restic"}
    bench.place.fresh("tar.zst.age")


def _later_runs(bench, section, before_files, before_stream):
    """Backups into repositories that have one already; the server is stopped only for those of its files."""
    def drkit_files():
        before_files(bench.files)
        return bench.files.backup(bench.local_source()), bench.files.name

    def restic():
        before_files(bench.restic)
        return bench.restic.backup(bench.cluster.data), bench.restic.name

    def drkit_stream():
        bench.running()
        before_stream(bench.stream)
        return bench.stream_backup(), bench.stream.name

    def pgbackrest():
        bench.running(bench.pgbackrest)
        return bench.pgbackrest.backup("diff"), bench.pgbackrest.name

    bench.stopped()
    bench.turns(section, [("drkit file://", None, drkit_files), ("restic", "drkit file://", restic)])
    bench.running()
    bench.turns(section, [("drkit postgres:", None, drkit_stream), ("pgBackRest diff", "drkit postgres:", pgbackrest)])


def unchanged(bench):
    for name in ("stream", "pgbackrest", "files", "restic"):
        bench.need(name)
    bench.files_up_to_date()
    _later_runs(bench, "unchanged", lambda tool: None, lambda tool: None)


def changed(bench):
    for name in ("stream", "pgbackrest", "files", "restic"):
        bench.need(name)
    saved = {tool: [path + ".saved" for path in tool.state] for tool in (bench.stream, bench.files, bench.restic)}
    for tool, copies in saved.items():
        for path, copy in zip(tool.state, copies):
            shutil.copytree(path, copy, symlinks=True)

    def back(tool):
        """Every run starts from the repository as it was before the change."""
        for path, copy in zip(tool.state, saved[tool]):
            bench.place.retire(path)
            shutil.copytree(copy, path, symlinks=True)

    bench.running()
    bench.cluster.transactions(bench.options.transactions)
    _later_runs(bench, "changed", back, back)
    for copies in saved.values():
        for copy in copies:
            bench.place.retire(copy)


def restore(bench):
    for name in ("stream", "pgbackrest", "files", "restic"):
        bench.need(name)
    bench.files_up_to_date()
    for tool in (bench.stream, bench.files, bench.restic, bench.pgbackrest):
        warm(tool.name)
    owners = {"pgBackRest": "postgres"}

    def entry(label, tool, against=None):
        def prepare():
            target = bench.place.fresh("restored " + label.replace(":", "").replace("/", ""), owners.get(label, "root"))
            return tool.restore(target), target
        return label, against, prepare

    bench.turns("restore", [entry("drkit postgres:", bench.stream), entry("pgBackRest", bench.pgbackrest, "drkit postgres:"),
                            entry("drkit file://", bench.files), entry("restic", bench.restic, "drkit file://")])
    _same(bench, bench.cluster.data, bench.place.path("restored drkit file"), "drkit file://")
    _same(bench, bench.cluster.data, bench.place.path("restored restic") + bench.cluster.data, "restic")


def tree(bench):
    source = bench.place.path("tree")
    os.mkdir(source)
    bench.runner.call(["cp", "-a", *bench.options.tree, source])
    warm(source)
    drkit, restic = bench.drkit("drkit-tree"), tools.Restic(bench.runner, bench.place, "restic-tree")

    def first(tool, address):
        def prepare():
            tool.init()
            return tool.backup(address), tool.name
        return prepare

    def again(tool, address):
        return lambda: (tool.backup(address), tool.name)

    def back(tool, name):
        def prepare():
            target = bench.place.fresh(name, owner="root")
            return tool.restore(target), target
        return prepare

    address = "file://" + source
    bench.turns("tree", [("drkit first", None, first(drkit, address)), ("restic first", "drkit first", first(restic, source))])
    bench.turns("tree", [("drkit unchanged", None, again(drkit, address)),
                         ("restic unchanged", "drkit unchanged", again(restic, source))])
    bench.turns("tree", [("drkit restore", None, back(drkit, "tree-drkit")),
                         ("restic restore", "drkit restore", back(restic, "tree-restic"))])
    _same(bench, source, bench.place.path("tree-drkit"), "drkit")
    _same(bench, source, bench.place.path("tree-restic") + source, "restic")


def memory(bench):
    def first(tool, label, source, running, *more):
        def prepare():
            bench.running() if running else bench.stopped()
            tool.init()
            return tool.backup(source, "--memory", "64MiB", *more), tool.name
        return label, None, prepare

    small = bench.drkit("drkit-memory")
    bench.turns("memory", [first(small, "drkit file://, 64 MiB", bench.local_source(), False),
                           first(small, "drkit postgres:, 64 MiB", bench.cluster.source, True, "--mode", "stream")])


def _same(bench, expected, actual, label):
    """A restore that is fast and wrong is no result."""
    try:
        bench.runner.call(["diff", "-r", "-q", "--no-dereference", expected, actual])
    except Failure as failure:
        raise Failure(f"{label} restored something else: {failure}") from None


SECTIONS = {"stream": stream, "files": files, "unchanged": unchanged, "restore": restore, "changed": changed,
            "tree": tree, "memory": memory}
NEED_CLUSTER = set(SECTIONS) - {"tree"}
