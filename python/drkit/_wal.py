"""The write-ahead log of PostgreSQL: kept in a repository, looked over, given back.

Positions in the log (LSNs) are whole numbers; lsn_text() shows them as the server does.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Optional, Union

from . import _core
from ._repository import Log, Repository

PathText = Union[str, "os.PathLike[str]"]
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def lsn_text(lsn: int) -> str:
    """ "1/A0000028"."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


@dataclass(frozen=True)
class WalObject:
    """One stored object of the log. Kinds: segment, partial, piece, history, label, gap."""

    kind: str
    system_id: int
    timeline: int
    start_lsn: int
    end_lsn: int
    stored_bytes: int
    modified_ns: int

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON's types alone."""
        return asdict(self)


@dataclass(frozen=True)
class RecoveryWindow:
    """Everything between start and end can be recovered to, from this snapshot.

    ended_by is "end of log", "hole", "gap", "damaged" or "other history". proof is what was looked at: "names" (and sizes
    of what is stored), "history" (that the log is the snapshot's own, too), "content" (and all of it was read). Units:
    nanoseconds since the Unix epoch.
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
    def start_time(self) -> datetime:
        """When the backup ended: datetime, UTC."""
        return _EPOCH + timedelta(microseconds=self.start_time_ns // 1000)

    @property
    def end_time(self) -> datetime:
        """Of the last transaction that can be recovered: datetime, UTC."""
        return _EPOCH + timedelta(microseconds=self.end_time_ns // 1000)

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


def push_wal(repository: Repository, path: PathText, *, system_id: Optional[int] = None) -> str:
    """Stores a file of pg_wal: "stored", or "was_there" when the same bytes were. Durable when it returns.

    Errors: AlreadyExistsError (other bytes are stored under this name), CorruptError (no file of the log).
    """
    return _core.push_wal(repository._handle, os.fspath(path), system_id)


def get_wal(
    repository: Repository, file_name: str, destination: PathText, *, system_id: Optional[int] = None
) -> None:
    """Writes a file of the log: whole, verified and synced, or not at all.

    Errors: NotFoundError (the repository has no such file, and nothing else), CorruptError, PermissionDeniedError
    (a write key), IoError (the destination, also when its folder is not there).
    """
    _core.get_wal(repository._handle, file_name, os.fspath(destination), system_id)


def receive_wal(
    repository: Repository,
    conninfo: str,
    *,
    slot: str = "",
    synchronous: bool = False,
    until_lsn: int = 0,
    log: Optional[Log] = None,
) -> dict[str, int]:
    """Stores the log of a running server as it is written, until until_lsn is stored or Ctrl-C.

    Answers counts: system_id, timeline, stored_lsn, segments, pieces, gaps, unstored_bytes (received, but the storage
    did not take it in within ten seconds after Ctrl-C).
    Errors: AlreadyExistsError (the server sends other bytes than those stored), UnauthenticatedError, ...
    """
    return _core.receive_wal(repository._handle, conninfo, slot, synchronous, until_lsn, log)
