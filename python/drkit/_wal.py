"""The write-ahead log of PostgreSQL: kept in a repository, looked over, given back.

Positions in the log (LSNs) are whole numbers; lsn_text() shows them as the server does.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Optional, Union

from . import _core
from ._repository import Log, Repository
from ._values import lsn_of, lsn_text, table_html, time_of

PathText = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class WalObject:
    """One stored object of the log. Kinds: segment, partial, piece, history, label, gap, tail.

    damaged: it holds less than it should: emptied or cut short, or (a tail) log from start_lsn on was stored but cannot
    be read; nobody knows end_lsn then, it is the highest number.
    """

    kind: str
    system_id: int
    timeline: int
    start_lsn: int
    end_lsn: int
    stored_bytes: int
    modified_ns: int
    damaged: bool

    @property
    def start_lsn_text(self) -> str:
        """start_lsn as the server writes it: "1/A0000028"."""
        return lsn_text(self.start_lsn)

    @property
    def end_lsn_text(self) -> str:
        """end_lsn as the server writes it."""
        return lsn_text(self.end_lsn)

    @property
    def modified(self) -> Optional[datetime]:
        """By the storage's clock: datetime, UTC; None when not known."""
        return time_of(self.modified_ns)

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON's types alone."""
        return asdict(self)


@dataclass(frozen=True)
class RecoveryWindow:
    """Everything between start and end can be recovered to, from this snapshot.

    ended_by is "end of log", "hole", "gap", "damaged" or "other history". proof is what was looked at: "names" (and
    sizes of what is stored), "history" (that the log is the snapshot's own, too), "content" (and all of it was read).
    Units: nanoseconds since the Unix epoch.
    """

    system_id: int
    snapshot: str
    timeline: int
    start_lsn: int
    end_lsn: int
    start_time_ns: int
    end_time_ns: int
    ended_by: str
    proof: str

    @property
    def start_lsn_text(self) -> str:
        """start_lsn as the server writes it: "1/A0000028"."""
        return lsn_text(self.start_lsn)

    @property
    def end_lsn_text(self) -> str:
        """end_lsn as the server writes it."""
        return lsn_text(self.end_lsn)

    @property
    def start_time(self) -> Optional[datetime]:
        """When the backup ended: datetime, UTC; None when not known."""
        return time_of(self.start_time_ns)

    @property
    def end_time(self) -> Optional[datetime]:
        """Of the last transaction that can be recovered: datetime, UTC; None when not known."""
        return time_of(self.end_time_ns)

    def _repr_html_(self) -> str:
        row = {
            "snapshot": self.snapshot,
            "timeline": self.timeline,
            "from": f"{self.start_lsn_text} {self.start_time or ''}",
            "to": f"{self.end_lsn_text} {self.end_time or ''}",
            "ended by": self.ended_by,
        }
        return table_html([row])

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON's types alone."""
        return asdict(self)


def recovery_window(repository: Repository) -> list[RecoveryWindow]:
    """Every interval that a cluster can be recovered to, from the repository alone.

    Errors: PermissionDeniedError (a write key), CorruptError.
    """
    return [RecoveryWindow(**window) for window in _core.recovery_window(repository._handle)]


def verify_wal(repository: Repository, *, read: bool = False) -> dict[str, Any]:
    """Timelines, problems (holes, gaps, damage, log of another history) and windows as a dict of lists of dicts.

    Each snapshot's own log is compared with the stored one; read opens every object that a window needs, and reads it
    through. Errors: as recovery_window. A hole is a problem, not an error.
    """
    return _core.verify_wal(repository._handle, read)


def list_wal(repository: Repository, *, system_id: Optional[int] = None) -> list[WalObject]:
    """What is stored of the log, of one cluster or of all, in order."""
    return [WalObject(**one) for one in _core.list_wal(repository._handle, system_id)]


def push_wal(
    repository: Repository,
    path: PathText,
    *,
    system_id: Optional[int] = None,
    spool: Optional[PathText] = None,
    batch: int = 0,
    log: Optional[Log] = None,
) -> str:
    """Stores a file of pg_wal: "stored", or "was_there" when the same bytes were. Durable when it returns.

    spool: a folder that remembers what was stored; batch: also stores so many more of the files that the server marked
    as ready, at the same time, and needs a spool, in which the calls for them find that they are done.
    Errors: AlreadyExistsError (other bytes are stored under this name), CorruptError (no file of the log).
    """
    if batch and spool is None:
        raise _core.InvalidArgumentError("batch needs a spool")
    done = _core.push_wal(
        repository._handle, os.fspath(path), system_id, _folder(spool), repository._handle.storage_name, batch, log
    )
    outcome: str = done["outcome"]
    return outcome


def get_wal(
    repository: Repository,
    file_name: str,
    destination: PathText,
    *,
    system_id: Optional[int] = None,
    spool: Optional[PathText] = None,
    prefetch: int = 0,
    up_to_damage: bool = False,
    log: Optional[Log] = None,
) -> None:
    """Writes a file of the log: whole, verified and synced, or not at all.

    spool, prefetch: a folder, and how many segments behind the one asked for are fetched into it at the same time.
    up_to_damage: deliver the last segment as far as it can be read also when it is damaged behind that. For a recovery
    to a target that lies before: to any other one the damage would look like the end of the log.
    Errors: NotFoundError (the repository has no such file, and nothing else), CorruptError, PermissionDeniedError
    (a write key), IoError (the destination, also when its folder is not there).
    """
    if prefetch and spool is None:
        raise _core.InvalidArgumentError("prefetch needs a spool")
    _core.get_wal(
        repository._handle,
        file_name,
        os.fspath(destination),
        system_id,
        _folder(spool),
        repository._handle.storage_name,
        prefetch,
        up_to_damage,
        log,
    )


def receive_wal(
    repository: Repository,
    conninfo: str,
    *,
    slot: str = "",
    create_slot: bool = True,
    synchronous: bool = False,
    durable: Optional[str] = None,
    spool: Optional[PathText] = None,
    spool_bytes: int = 10 << 30,
    store_every: float = 0.25,
    store_bytes: int = 256 << 10,
    name: str = "drkit",
    reconnect: bool = True,
    until_lsn: Union[int, str] = 0,
    log: Optional[Log] = None,
) -> dict[str, int]:
    """Stores the log of a running server as it is written, until until_lsn (a number or text) is stored or Ctrl-C.

    slot: replication slot that keeps the log until it was received. synchronous: store as soon as anything arrives.
    durable: the server is told that log is flushed when it is in the "storage", or in a synced file of the folder
    spool ("spool", which is the default with a spool). Log waits there while the storage is away, up to spool_bytes (0:
    as much as the disk has but for a reserve); then receiving pauses until the storage is back. store_every (seconds),
    store_bytes: log is on its way into the repository after that time, and as soon as it is so much. name: as synchronous_standby_names calls it. reconnect: False ends with the connection.
    Answers counts: system_id, timeline, stored_lsn, segments, pieces, gaps, connections, unstored_bytes (received, but
    the storage did not take it in within ten seconds after Ctrl-C).
    Errors: AlreadyExistsError (the server sends other bytes than those stored), UnauthenticatedError, ...
    """
    options = _core.WalReceiveOptions(
        slot,
        create_slot,
        synchronous,
        durable or ("storage" if spool is None else "spool"),
        _folder(spool),
        spool_bytes,
        store_every,
        store_bytes,
        name,
        reconnect,
        lsn_of(until_lsn),
    )
    return _core.receive_wal(repository._handle, conninfo, options, log)


def _folder(path: Optional[PathText]) -> str:
    return "" if path is None else os.fspath(path)
