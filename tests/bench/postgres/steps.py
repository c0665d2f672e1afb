"""What is measured: each section runs several tools on the same cluster, in turns."""

import os
import shutil

import tools
from cluster import BIN
from measure import stored_bytes, warm
from sections import Bench

DAMAGED_PAGES, REMOVED_FILES = 16, 20


class Steps(Bench):
    def __init__(self, options, folder, runner, cluster, documents):
        super().__init__(options, folder, runner, cluster)
        self.documents = documents
        self.local = self.drkit("drkit-local")
        self.block = None
        if options.block_pgbackrest:
            self.block = tools.PgBackRest(runner, self.place, cluster, options.threads, options.block_pgbackrest)
        self.wal_g = tools.WalG(runner, self.place, cluster, options.threads, options.wal_g) if options.wal_g else None

    def peers(self):
        """Labels of the other tools with repositories that take part, and they."""
        pairs = [] if self.options.own else [("pgBackRest", self.pgbackrest)]
        pairs += [("pgBackRest block", self.block)] if self.block else []
        return pairs + ([("WAL-G", self.wal_g)] if self.wal_g else [])

    def backup(self, tool, cluster=None):
        return tool.backup((cluster or self.cluster).source, "--mode", "local")

    def need_first(self):
        """Every tool has a first backup, without measuring it."""
        if "local" in self.have:
            return
        self.running()
        self.local.init()
        self.runner.call(self.backup(self.local))
        for _, tool in self.peers():
            tool.init()
            self.runner.call(tool.backup("full"))
        self.have.add("local")

    def empty(self, name):
        return self.place.fresh(name, self.cluster.owner)

    def give_back(self, name, tried):
        """The room of what was restored, and nothing is unlinked."""
        for label in tried:
            self.place.retire(self.place.path(f"{name} {label}"))


def _first(steps, section, cluster, own, peers, archive):
    def drkit():
        cluster.start()
        cluster.archive_with("/bin/true")
        cluster.settle()
        own.init()
        return steps.backup(own, cluster), own.name

    def pgbackrest(tool):
        def prepare():
            cluster.start()
            tool.init()
            cluster.settle()
            return tool.backup("full"), tool.backups
        return prepare

    def tar():
        cluster.start()
        cluster.archive_with("/bin/true")
        cluster.settle()
        target = steps.place.fresh(section + ".tar.zst.age")
        return tools.tar_zstd_age(cluster.data, steps.recipient(), target, steps.options.threads, "pg_wal/*"), target

    def basebackup():
        cluster.start()
        cluster.archive_with("/bin/true")
        cluster.settle()
        target = steps.place.fresh(section + ".basebackup", cluster.owner)
        return tools.basebackup(cluster, target), target

    cluster.start()
    warm(cluster.data)
    entries = [("drkit", None, drkit)] + [(label, "drkit", pgbackrest(tool)) for label, tool in peers]
    if archive:
        entries.append(("tar | zstd | age", "drkit", tar))
        entries.append(("pg_basebackup (not encrypted)", "drkit", basebackup))
    steps.turns(section, entries)


def first(steps):
    _first(steps, "first", steps.cluster, steps.local, steps.peers(), not steps.options.own)
    steps.have.add("local")


def documents(steps):
    """The table of JSON documents alone, which compresses as real data does."""
    peers = []
    if not steps.options.own:
        peers.append(("pgBackRest", tools.PgBackRest(steps.runner, steps.place, steps.documents, steps.options.threads)))
    _first(steps, "documents", steps.documents, steps.drkit("drkit-documents"), peers, False)
    steps.documents.stop()


def _later(steps, section, before, kind):
    def drkit():
        steps.running()
        before(steps.local)
        return steps.backup(steps.local), steps.local.name

    def pgbackrest(tool):
        def prepare():
            steps.running(tool)
            return tool.backup(kind), tool.backups
        return prepare

    steps.turns(section, [("drkit", None, drkit)] + [(label, "drkit", pgbackrest(tool)) for label, tool in steps.peers()])


def unchanged(steps):
    steps.need_first()
    _later(steps, "unchanged", lambda tool: None, "incr")


def changed(steps):
    """Every run starts from the same backup; those of pgBackRest are differential to their full one."""
    steps.need_first()
    steps.running()
    # Pages tell what changed within one run of the server alone, and other sections stop it.
    steps.runner.call(steps.backup(steps.local))
    saved = [path + ".saved" for path in steps.local.state]
    for path, copy in zip(steps.local.state, saved):
        shutil.copytree(path, copy, symlinks=True)

    def back(tool):
        for path, copy in zip(tool.state, saved):
            steps.place.retire(path)
            shutil.copytree(copy, path, symlinks=True)

    steps.cluster.transactions(steps.options.transactions)
    _later(steps, "changed", back, "diff")
    for copy in saved:
        steps.place.retire(copy)


def restore(steps):
    steps.need_first()
    tried = [("drkit", None, steps.local)] + [(label, "drkit", tool) for label, tool in steps.peers()]

    def entry(label, against, tool):
        def prepare():
            target = steps.empty("restored " + label)
            return tool.restore(target), target
        return label, against, prepare

    for _, _, tool in tried:
        warm(tool.name)
    warm(steps.cluster.data)
    steps.turns("restore", [entry(*item) for item in tried] + [("disk alone", "drkit", lambda: _disk_alone(steps))])
    steps.give_back("restored", [label for label, _, _ in tried] + ["disk alone"])


def _disk_alone(steps):
    """As many bytes as the cluster has, and nothing else to do."""
    target = os.path.join(steps.empty("restored disk alone"), "bytes")
    log = stored_bytes(os.path.join(steps.cluster.data, "pg_wal"))
    return tools.write_directly(stored_bytes(steps.cluster.data) - log, target), target


def _damage(target, turn):
    """Pages in the two largest files, and small files gone."""
    files = []
    for folder, _, names in os.walk(os.path.join(target, "base")):
        files += [os.path.join(folder, name) for name in names]
    files.sort(key=lambda path: (os.path.getsize(path), path))
    for path in files[-2:]:
        with open(path, "r+b") as stream:
            stream.seek(min(8192 * 1000 * turn, os.path.getsize(path) // 2 // 8192 * 8192))
            stream.write(os.urandom(8192 * DAMAGED_PAGES))
    for path in files[:REMOVED_FILES]:
        os.unlink(path)


def delta(steps):
    steps.need_first()
    turns = {}

    def entry(label, against, tool):
        target = steps.empty("kept " + label)
        steps.runner.call(tool.restore(target))

        def prepare():
            turns[label] = turns.get(label, 0) + 1
            _damage(target, turns[label])
            return tool.restore(target, "--delta"), target
        return label, against, prepare

    steps.turns("delta", [entry("drkit", None, steps.local)] +
                [entry(label + " --delta", "drkit", tool) for label, tool in steps.peers() if tool.delta_restore])
    steps.give_back("kept", turns)


def start(steps):
    """From nothing to the first answer of the restored server."""
    steps.need_first()
    if steps.cluster.running():
        steps.cluster.stop()
    started = []

    def entry(label, against, tool):
        def prepare():
            while started:
                steps.runner.call(steps.cluster.as_owner(BIN + "pg_ctl", "-D", started.pop(), "-w", "-m", "immediate", "stop"))
            target = steps.empty("started " + label)
            started.append(target)
            server = steps.cluster.as_owner(BIN + "pg_ctl", "-D", target, "-l", steps.cluster.log, "-w", "-t", "300", "start")
            asked = steps.cluster.tool("psql", "-XAtq", "-d", "bench", "-c", "select 1")
            return tools.one_after_the_other(tool.restore(target), server, asked), target
        return label, against, prepare

    # What WAL-G restores waits for settings of recovery.
    peers = [(label, tool) for label, tool in steps.peers() if tool.ready_to_start]
    try:
        steps.turns("start", [entry("drkit", None, steps.local)] + [entry(label, "drkit", tool) for label, tool in peers])
    finally:
        while started:
            steps.runner.call(steps.cluster.as_owner(BIN + "pg_ctl", "-D", started.pop(), "-w", "-m", "immediate", "stop"))
    steps.give_back("started", ["drkit"] + [label for label, _ in peers])


SECTIONS = {"first": first, "documents": documents, "unchanged": unchanged, "restore": restore, "delta": delta,
            "start": start, "changed": changed}
