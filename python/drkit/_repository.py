"""Repository: the one class that most programs need."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Optional, Union

from . import _core
from ._error import Error, PartialWarning
from ._keys import KeyFile, Password, key_of, secret_of
from ._mirror import MirrorReport, report_of, warn_of
from ._restore import RestorePlan, SnapshotFile
from ._spi import Check, Source, Storage
from ._storage import handle_of

#: Called about ten times a second with a ProgressEvent; what it raises, or the answer False, cancels the operation.
Progress = Callable[[_core.ProgressEvent], Any]
#: Called with "debug", "info", "warning" or "error", and a line without secrets.
Log = Callable[[str, str], Any]
PathText = Union[str, "os.PathLike[str]"]
Address = Union[PathText, Storage]
SnapshotName = Union[str, _core.Snapshot]


class Repository:
    """An open repository. Use it as a context manager, or close() it.

    Thread-safety: every method may be called from many threads at once.
    Blocking methods release the GIL and answer Ctrl-C within 0.2 s: KeyboardInterrupt is raised once the operation has
    stopped; a backup that was interrupted leaves no snapshot. Fork: a child process must open its own.
    """

    def __init__(self, handle: _core.RepositoryHandle) -> None:
        self._open_handle: Optional[_core.RepositoryHandle] = handle

    @classmethod
    def create(
        cls,
        address: Address,
        *,
        password: Optional[Password] = None,
        recipients: Sequence[Union[str, KeyFile]] = (),
        key_file: Union[KeyFile, PathText, None] = None,
        cache_dir: Optional[PathText] = None,
        memory: Optional[int] = None,
        parallel: int = 0,
        password_cost: Optional[tuple[int, int]] = None,
        storage_user: str = "",
        storage_password: Optional[Password] = None,
        storage_key_file: Optional[PathText] = None,
    ) -> Repository:
        """Makes a repository in an empty place and opens it: by the password, else by key_file, which is then also a
        recipient.

        The storage_... options are as in open(). Shapes: recipients are public keys; password_cost is Argon2id's (operations, bytes of memory).
        Units: memory in bytes, at least 64 MiB; parallel in threads, 0 for one per processor.
        Errors: AlreadyExistsError, PreconditionFailedError (other objects are there).
        """
        key = None if key_file is None else key_file if isinstance(key_file, KeyFile) else KeyFile.load(key_file)
        public = [one.public_key if isinstance(one, KeyFile) else one for one in recipients]
        if key is not None and key.public_key not in public:
            public.append(key.public_key)
        storage = handle_of(
            address, create=True, user=storage_user, password=storage_password, key_file=storage_key_file
        )
        cache = None if cache_dir is None else os.fspath(cache_dir)
        secret = secret_of(password)
        return cls(
            _core.RepositoryHandle.create(
                storage, secret, public, key_of(key), cache, memory, parallel, password_cost
            )
        )

    @classmethod
    def open(
        cls,
        address: Address,
        *,
        password: Optional[Password] = None,
        key_file: Union[KeyFile, PathText, None] = None,
        cache_dir: Optional[PathText] = None,
        memory: Optional[int] = None,
        parallel: int = 0,
        storage_user: str = "",
        storage_password: Optional[Password] = None,
        storage_key_file: Optional[PathText] = None,
    ) -> Repository:
        """Opens by a password or a key file. The storage_... options are the ones of open_storage without the prefix;
        for its others open the storage first and give that as the address.

        Errors: NotFoundError, BadKeyError, VersionUnsupportedError, CorruptError (also: rolled back).
        """
        storage = handle_of(
            address, create=False, user=storage_user, password=storage_password, key_file=storage_key_file
        )
        cache = None if cache_dir is None else os.fspath(cache_dir)
        return cls(
            _core.RepositoryHandle.open(storage, secret_of(password), key_of(key_file), cache, memory, parallel)
        )

    @property
    def id(self) -> str:
        """The repository's identity, hexadecimal."""
        return self._handle.id

    @property
    def role(self) -> str:
        """ "full", or "write": may add and list, reads nothing back."""
        return self._handle.role

    def close(self) -> None:
        """Lets go of the repository; may be called twice."""
        self._open_handle = None

    def __enter__(self) -> Repository:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._open_handle is None:
            return "<Repository closed>"
        return f"<Repository {self.id} at {self._handle.storage_name}>"

    def backup(
        self,
        source: Union[PathText, Source],
        *,
        tags: Optional[Mapping[str, str]] = None,
        parent: Union[str, _core.Snapshot] = "auto",
        exclude: Sequence[str] = (),
        compression: int = 1,
        host: str = "",
        one_file_system: bool = False,
        mode: str = "auto",
        what: str = "cluster",
        max_rate_kib: int = 0,
        databases: Sequence[str] = (),
        bin_dir: Optional[PathText] = None,
        name: str = "",
        progress: Optional[Progress] = None,
        log: Optional[Log] = None,
    ) -> _core.Snapshot:
        """Backs up and commits one snapshot; a failure raises and leaves none.

        source: `file:///dir`, a bare path, `postgres:CONNINFO`, `exec:COMMAND`, or a drkit.Source.
        parent: "auto" (the newest of the same source and host), "none" (read every file), or a snapshot.
        exclude: globs; compression: zstd level -7 to 19, 0 stores plain; mode, what, max_rate_kib: postgres.
        databases: of what="dump", else that of the address or all; bin_dir: folder of pg_dump, else looked for.
        name: of an `exec:` source and its stream; else the program's name, and "stdout".
        A partial result is returned with status "partial", and PartialWarning is given.
        """
        parent_id = parent.id if isinstance(parent, _core.Snapshot) else parent
        call = _core.BackupCall(
            dict(tags or {}),
            parent_id,
            host,
            compression,
            list(exclude),
            one_file_system,
            mode,
            what,
            max_rate_kib,
            list(databases),
            _text(bin_dir),
            name,
        )
        if isinstance(source, Source):
            given = (len(exclude), one_file_system, mode, what, max_rate_kib, len(databases), bin_dir, name)
            if given != (0, False, "auto", "cluster", 0, 0, None, ""):
                raise _core.InvalidArgumentError("a drkit.Source takes no options of the library's own sources")
            snapshot = self._handle.backup_plugin(source, call, progress, log)
        else:
            snapshot = self._handle.backup_address(os.fspath(source), call, progress, log)
        if snapshot.status == "partial":
            _warn_partial(f"the backup is partial: {snapshot.stats.problems} entries are missing or incomplete")
        return snapshot

    def settle_mirror(self, *, log: Optional[Log] = None) -> MirrorReport:
        """After an operation on a repository in a mirror: brings to each copy what it missed, and says what is left.

        What is left gives PartialWarning, and makes a "complete" result "partial": the report's status_of().
        A repository in one place has no gaps.
        """
        return warn_of(report_of(_core.settle_repository(self._handle, log)), 3)

    def snapshots(
        self,
        *,
        tags: Optional[Mapping[str, str]] = None,
        source: str = "",
        on_damaged: Optional[Callable[[str, Error], None]] = None,
    ) -> list[_core.Snapshot]:
        """Oldest first; all tags must match; source is a source's name or "kind:name".

        on_damaged is called with the id of each damaged snapshot and what is wrong with it; the others are listed.
        Errors: CorruptError when one is missing (rolled back), and for a damaged one without on_damaged.
        """
        found, damaged = self._handle.snapshots(dict(tags or {}), source)
        for snapshot_id, error in damaged:
            if on_damaged is None:
                raise error
            on_damaged(snapshot_id, error)
        return found

    def find(self, name: str) -> _core.Snapshot:
        """By an id prefix of at least 4 digits, "latest", or "latest:SOURCE". Errors: NotFoundError."""
        return self._handle.find(name)

    def forget(self, snapshot: SnapshotName) -> None:
        """Takes the snapshot from the list, a damaged one, too; its data stays until a prune."""
        self._handle.forget(self._handle.find_id(snapshot if isinstance(snapshot, str) else snapshot.id))

    def check(
        self,
        snapshot: Optional[SnapshotName] = None,
        *,
        level: str = "objects",
        sample: int = 100,
        checks: Sequence[Check] = (),
        scratch_dir: Optional[PathText] = None,
        sql: Sequence[str] = (),
        server_bin: Optional[PathText] = None,
        progress: Optional[Progress] = None,
        log: Optional[Log] = None,
    ) -> _core.Report:
        """Runs every check of the level and below on one snapshot, or on all.

        level: "objects", "chunks", "files" or "boot"; sample: percent of objects and chunks looked at.
        checks: your own, besides the library's; scratch_dir, sql, server_bin: boot, refused below it.
        What was found is told by the report: `ok` is true when all that was asked for was looked at and is sound;
        a partial snapshot, or one that was looked at less deeply, is "partial". An exception means that a check could
        not look; InvalidArgumentError also that nothing can be booted, its context names the "highest" level.
        """
        options = _core.CheckOptions(level, sample, _text(scratch_dir) or "/var/tmp", list(sql), _text(server_bin))
        chosen = None if snapshot is None else self._snapshot(snapshot)
        return self._handle.check(self, chosen, list(checks), options, progress, log)

    def restore(
        self,
        snapshot: SnapshotName,
        target: PathText,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        delta: bool = False,
        owners: bool = True,
        tablespaces: Optional[Mapping[str, PathText]] = None,
        tablespaces_under: Optional[PathText] = None,
        keep_standby: bool = False,
        no_tablespaces: bool = False,
        bin_dir: Optional[PathText] = None,
        jobs: int = 2,
        progress: Optional[Progress] = None,
        log: Optional[Log] = None,
    ) -> _core.RestoreResult:
        """Writes a snapshot to a directory, `postgres:CONNINFO` (dumps), `exec:COMMAND`, or `-` (standard output).

        delta: over an existing tree, writing only what differs. Files that are not in the snapshot are removed, but for
        what lies where the backup could not read, and not at all with include or exclude.
        owners: set them when the process may.
        tablespaces: old location, OID or (dump) name to new directory; tablespaces_under: a directory for the others.
        keep_standby: the snapshot of a standby starts as one of the same primary; else it starts on its own.
        Of dumps: no_tablespaces (everything to the default one), bin_dir (folder of pg_restore, else looked for), jobs.
        A partial result is returned with status "partial", and PartialWarning is given.
        Errors: PreconditionFailedError (place not empty, server running), CorruptError, NoSpaceError.
        """
        options = _core.RestoreOptions(list(include), list(exclude), delta, owners)
        places = _places(tablespaces, tablespaces_under, keep_standby, bin_dir, jobs, no_tablespaces)
        return self._restore(self._snapshot(snapshot), os.fspath(target), options, places, progress, log)

    def _restore(
        self, snapshot: _core.Snapshot, target: str, options: Any, places: Any, progress: Any, log: Any = None
    ) -> _core.RestoreResult:
        result = self._handle.restore(snapshot, target, options, places, progress, log)
        if result.status == "partial":
            _warn_partial(f"the restore is partial: {result.stats.problems} entries are missing or incomplete", 4)
        return result

    def plan_restore(
        self,
        snapshot: SnapshotName,
        target: PathText,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        delta: bool = False,
        owners: bool = True,
        tablespaces: Optional[Mapping[str, PathText]] = None,
        tablespaces_under: Optional[PathText] = None,
        keep_standby: bool = False,
        no_tablespaces: bool = False,
        bin_dir: Optional[PathText] = None,
        jobs: int = 2,
    ) -> RestorePlan:
        """Counts what restore() would do, touching nothing; the plan's apply() does it.

        Raises PreconditionFailed when a delta finds nothing of the snapshot at the target: it would remove all of it.
        """
        chosen = self._snapshot(snapshot)
        options = _core.RestoreOptions(list(include), list(exclude), delta, owners)
        places = _places(tablespaces, tablespaces_under, keep_standby, bin_dir, jobs, no_tablespaces)
        stats, removed, first = self._handle.plan_restore(chosen, os.fspath(target), options, places)

        def apply(progress: Optional[Progress]) -> _core.RestoreResult:
            return self._restore(chosen, os.fspath(target), options, places, progress)

        return RestorePlan(chosen, os.fspath(target), stats, removed, first, apply)

    def ls(self, snapshot: SnapshotName, path: PathText = "") -> Iterator[_core.Entry]:
        """The entries at and below path in path order, in bounded memory."""
        return self._handle.ls(self._snapshot(snapshot), os.fspath(path))

    def diff(self, a: SnapshotName, b: SnapshotName) -> Iterator[tuple[str, _core.Entry]]:
        """What differs, in path order: ("added", entry), ("removed", entry), or ("modified", entry of b)."""
        return self._handle.diff(self._snapshot(a), self._snapshot(b))

    def read(self, snapshot: SnapshotName, path: PathText) -> bytes:
        """The whole content of one file. Errors: NotFoundError, InvalidArgumentError (not a file)."""
        return b"".join(self._handle.read(self._snapshot(snapshot), os.fspath(path)))

    def open_file(self, snapshot: SnapshotName, path: PathText) -> io.BufferedReader:
        """A file object for reading one file's content in bounded memory; not seekable. Errors come with reading."""
        return io.BufferedReader(SnapshotFile(self._handle.read(self._snapshot(snapshot), os.fspath(path))), 1 << 20)

    def keys(self) -> list[_core.KeySlot]:
        """The ways into the repository."""
        return self._handle.keys()

    def add_password(
        self,
        password: Password,
        *,
        role: str = "full",
        label: str = "",
        password_cost: Optional[tuple[int, int]] = None,
    ) -> _core.KeySlot:
        """One more password; role: "full" or "write"."""
        return self._handle.add_password(secret_of(password), role, label, password_cost)

    def add_recipient(self, recipient: Union[str, KeyFile], *, role: str = "full", label: str = "") -> _core.KeySlot:
        """One more public key; role: "full" or "write"."""
        public = recipient.public_key if isinstance(recipient, KeyFile) else recipient
        return self._handle.add_recipient(public, role, label)

    def remove_key(self, slot: Union[str, _core.KeySlot]) -> None:
        """Errors: PreconditionFailedError for the last full slot, and the slot that opened this repository."""
        self._handle.remove_key(slot.id if isinstance(slot, _core.KeySlot) else slot)

    def rotate_key(
        self, *, password: Optional[Password] = None, key_file: Union[KeyFile, PathText, None] = None
    ) -> list[_core.KeySlot]:
        """Puts new data under a new key; give what opened the repository.

        Password slots other than your own cannot be renewed and are removed: the answer lists them.
        """
        return self._handle.rotate_key(secret_of(password), key_of(key_file))

    @property
    def _handle(self) -> _core.RepositoryHandle:
        if self._open_handle is None:
            raise _core.PreconditionFailedError("the repository is closed")
        return self._open_handle

    def _snapshot(self, snapshot: SnapshotName) -> _core.Snapshot:
        return self.find(snapshot) if isinstance(snapshot, str) else snapshot


def check_objects(storage: Address, *, sample: int = 100) -> _core.Report:
    """Compares every stored object with its name or checksum; needs no key. sample: percent looked at.

    Without a key nobody can tell which objects are missing: see the report's `not_looked_at`.
    """
    return _core.check_objects(handle_of(storage, create=False), sample)


def _text(path: Optional[PathText]) -> str:
    return "" if path is None else os.fspath(path)


def _places(
    tablespaces: Optional[Mapping[str, PathText]], under: Optional[PathText], *more: Any
) -> _core.TargetOptions:
    keep_standby, bin_dir, jobs, no_tablespaces = more
    moved = {old: os.fspath(new) for old, new in (tablespaces or {}).items()}
    return _core.TargetOptions(moved, _text(under), keep_standby, _text(bin_dir), jobs, no_tablespaces)


def _warn_partial(message: str, level: int = 3) -> None:
    warnings.warn(message, PartialWarning, stacklevel=level)
