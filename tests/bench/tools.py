"""The tools that are compared: how each makes its repository, backs up and restores."""

import json
import os
import pwd
import secrets
import shlex
import shutil

from cluster import BIN, PORT

PGBACKREST = """[global]
repo1-path={repository}
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass={password}
repo1-bundle=y
{more}repo1-retention-full=1000
compress-type=zst
compress-level=1
start-fast=y
process-max={threads}
log-level-console=warn
log-level-file=off
lock-path={lock}
spool-path={spool}
[main]
pg1-path={data}
pg1-port={port}
pg1-socket-path={sockets}
pg1-user=postgres
"""


class Place:
    """Where results of the tools go. A file that is unlinked makes ext4 slower at creating the next ones, for it walks
    past the inodes just freed: what is no longer needed is emptied and kept by name until the end of all."""

    def __init__(self, folder):
        self.folder = folder
        self.retired = os.path.join(folder, "retired")
        os.makedirs(self.retired)
        self.count = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def retire(self, path):
        if not os.path.lexists(path):
            return
        self.count += 1
        target = os.path.join(self.retired, str(self.count))
        os.rename(path, target)
        if os.path.isfile(target):
            os.truncate(target, 0)
        for folder, _, names in os.walk(target):
            for name in names:
                file = os.path.join(folder, name)
                if not os.path.islink(file) and os.path.isfile(file):
                    os.truncate(file, 0)

    def fresh(self, name, owner=None):
        """A path where nothing is; with owner: an empty directory of that user."""
        path = self.path(name)
        self.retire(path)
        if owner:
            os.mkdir(path, 0o700)
            entry = pwd.getpwnam(owner)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return path


class Drkit:
    def __init__(self, runner, place, name, binary, threads):
        self.runner, self.place, self.binary = runner, place, binary
        self.name, self.cache = place.path(name), place.path(name + ".cache")
        self.options = ["-q", "--cache-dir", self.cache, "--parallel", str(threads)]

    @property
    def state(self):
        return [self.name, self.cache]

    def init(self):
        for path in self.state:
            self.place.retire(path)
        self.runner.call([self.binary, "init", self.name, *self.options])

    def backup(self, source, *more):
        return [self.binary, "backup", self.name, source, "--compression", "1", *self.options, *more]

    def restore(self, target, *more):
        return [self.binary, "restore", self.name, "latest", target, *self.options, *more]


class Restic:
    def __init__(self, runner, place, name):
        self.runner, self.place = runner, place
        self.name, self.cache = place.path(name), place.path(name + ".cache")
        self.options = ["-q", "-r", self.name, "--cache-dir", self.cache]

    @property
    def state(self):
        return [self.name, self.cache]

    def init(self):
        for path in self.state:
            self.place.retire(path)
        self.runner.call(["restic", *self.options, "init", "--repository-version", "2"])

    def backup(self, source):
        return ["restic", *self.options, "backup", "--compression", "auto", source]

    def restore(self, target):
        return ["restic", *self.options, "restore", "latest", "--target", target]


class PgBackRest:
    """block: a program that knows block incrementals, and is to make them."""
    delta_restore = ready_to_start = True

    def __init__(self, runner, place, cluster, threads, block=None):
        self.runner, self.place, self.cluster, self.threads = runner, place, cluster, threads
        self.binary, self.more = block or "pgbackrest", "repo1-block=y\n" if block else ""
        self.kind = "blockbackrest" if block else "pgbackrest"
        self.count = 0
        self.name = self.config = None

    @property
    def backups(self):
        """Where it keeps backups, without the WAL archive."""
        return os.path.join(self.name, "backup")

    def init(self):
        """A new repository, its stanza, and WAL archived into it."""
        self.count += 1
        if self.name:
            self.cluster.archive_with("/bin/true")
            self.place.retire(self.home)
        self.home = self.place.fresh(f"{self.kind}-{os.path.basename(os.path.dirname(self.cluster.data))}-{self.count}", owner="postgres")
        self.name = os.path.join(self.home, "repo")
        self.config = os.path.join(self.home, "conf")
        with open(self.config, "w", encoding="utf-8") as stream:
            stream.write(PGBACKREST.format(
                repository=self.name, password=secrets.token_hex(24), threads=self.threads, data=self.cluster.data,
                lock=os.path.join(self.home, "lock"), spool=os.path.join(self.home, "spool"), port=PORT,
                sockets=self.cluster.sockets, more=self.more))
        shutil.chown(self.config, "postgres", "postgres")
        os.chmod(self.config, 0o600)
        self.runner.call(self._command("stanza-create"))
        self.archive()
        self.runner.call(self._command("check"))

    def archive(self):
        self.cluster.archive_with(f"{self.binary} --config={self.config} --stanza=main archive-push %p")

    def _command(self, *arguments):
        return self.cluster.as_owner(self.binary, f"--config={self.config}", "--stanza=main", *arguments)

    def backup(self, kind):
        return self._command(f"--type={kind}", "backup")

    def restore(self, target, *more):
        return self._command(f"--pg1-path={target}", *more, "restore")


class WalG:
    """Its backups wait until their WAL is archived. zstd as it is set; encrypted by libsodium: it is built with that."""
    delta_restore = ready_to_start = False

    def __init__(self, runner, place, cluster, threads, program):
        self.runner, self.place, self.cluster, self.threads, self.program = runner, place, cluster, threads, program
        self.count = 0
        self.name = self.config = None

    @property
    def backups(self):
        return os.path.join(self.name, "basebackups_005")

    def init(self):
        self.count += 1
        if self.name:
            self.cluster.archive_with("/bin/true")
            self.place.retire(os.path.dirname(self.name))
        home = self.place.fresh(f"wal-g-{self.count}", owner="postgres")
        self.name, self.config = os.path.join(home, "repo"), os.path.join(home, "conf.json")
        settings = {"WALG_FILE_PREFIX": self.name, "WALG_COMPRESSION_METHOD": "zstd", "WALG_DELTA_MAX_STEPS": "1000",
                    "WALG_LIBSODIUM_KEY": secrets.token_hex(32), "WALG_LIBSODIUM_KEY_TRANSFORM": "hex",
                    "WALG_UPLOAD_CONCURRENCY": str(self.threads), "WALG_UPLOAD_DISK_CONCURRENCY": str(self.threads),
                    "WALG_DOWNLOAD_CONCURRENCY": str(self.threads), "WALG_LOG_LEVEL": "ERROR"}
        os.mkdir(self.name)
        with open(self.config, "w", encoding="utf-8") as stream:
            json.dump(settings, stream)
        os.chmod(self.config, 0o600)
        for path in (self.name, self.config):
            shutil.chown(path, "postgres", "postgres")
        self.archive()

    def archive(self):
        self.cluster.archive_with(f"{self.program} --config {self.config} wal-push %p")

    def _command(self, *arguments, **environment):
        settings = [f"{name}={value}" for name, value in environment.items()]
        return self.cluster.as_owner(f"GOMAXPROCS={self.threads}", *settings, self.program, "--config", self.config, *arguments)

    def backup(self, kind):
        origin = "LATEST_FULL" if kind == "diff" else "LATEST"
        return self._command("backup-push", self.cluster.data, *(["--full"] if kind == "full" else []),
                             WALG_DELTA_ORIGIN=origin)

    def restore(self, target):
        return self._command("backup-fetch", target, "LATEST")


def basebackup(cluster, target):
    return cluster.as_owner(BIN + "pg_basebackup", "-c", "fast", "-Ft", "--compress=client-zstd:1", "-D", target)


def tar_zstd_age(source, key, target, threads, leave_out="nothing"):
    """leave_out: a pattern of names below the source."""
    # A backup that a loss of power takes away is none: the others flush too.
    script = 'set -e; tar c --exclude="$2/$6" -C "$1" "$2" | zstd -q -1 -T"$5" | age -r "$3" >"$4"; sync "$4"'
    folder, name = os.path.split(source)
    return ["bash", "-o", "pipefail", "-c", script, "bash", folder, name, key, target, str(threads), leave_out]


def write_directly(size_bytes, target):
    """What the disk alone can do: so many zeros in one file past the page cache, and flushed."""
    blocks = -(-size_bytes // (4 << 20))
    return ["dd", "if=/dev/zero", f"of={target}", "bs=4M", f"count={blocks}", "oflag=direct", "conv=fsync", "status=none"]


def one_after_the_other(*commands):
    """One command that runs them in turn, and ends with the first that fails."""
    return ["sh", "-ec", " ".join(f"{shlex.join(command)};" for command in commands)]
