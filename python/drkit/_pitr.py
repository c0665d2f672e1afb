"""PostgreSQL as it was at a point in time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Optional, Union

from . import _core
from ._repository import Log, PathText, Progress, Repository, SnapshotName
from ._values import lsn_of, lsn_text, table_html, time_of

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
Lsn = Union[int, str]


@dataclass(frozen=True)
class PitrReached:
    """What recovery really came to. finished False: the target was not reached, message has the server's words.

    Units: lsn a position in the log; time_ns nanoseconds since the Unix epoch, 0 when not known.
    """

    finished: bool
    timeline: int
    lsn: int
    time_ns: int
    message: str

    @property
    def lsn_text(self) -> str:
        """Where replay stopped, as the server writes it: "1/A0000028"."""
        return lsn_text(self.lsn)

    @property
    def time(self) -> Optional[datetime]:
        """Of the last transaction replayed: datetime, UTC; None when not known."""
        return time_of(self.time_ns)

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON's types alone."""
        return {**asdict(self), "lsn_text": self.lsn_text}


class PitrPlan:
    """How a target is reached; made without writing anything. The way: restore(), write_settings(), start(); or
    apply(), which does all of it."""

    def __init__(self, repository: Repository, handle: _core.PitrPlanHandle) -> None:
        self._repository = repository
        self._handle = handle
        facts = handle.to_dict()
        #: The snapshot that is restored first: Snapshot.
        self.snapshot = handle.snapshot
        self.system_id: int = facts["system_id"]
        self.timeline: int = facts["timeline"]
        #: Recovery reads the log from here, and will stop there.
        self.start_lsn: int = facts["start_lsn"]
        self.stop_lsn: int = facts["stop_lsn"]
        #: Of the last transaction before that, nanoseconds since the Unix epoch; 0 when not known.
        self.stop_time_ns: int = facts["stop_time_ns"]
        #: To be replayed.
        self.wal_bytes: int = facts["wal_bytes"]
        #: Of latest: "end of log", or why later log is not reached: "hole", "gap". Else "".
        self.ended_by: str = facts["ended_by"]
        #: All that will be replayed opens and goes on without a break.
        self.log_was_read: bool = facts["log_was_read"]
        #: That were possible, when there are several: dicts of timeline, end_lsn and end_time_ns.
        self.timelines: list[dict[str, int]] = facts["timelines"]

    @property
    def start_lsn_text(self) -> str:
        """start_lsn as the server writes it."""
        return lsn_text(self.start_lsn)

    @property
    def stop_lsn_text(self) -> str:
        """stop_lsn as the server writes it."""
        return lsn_text(self.stop_lsn)

    @property
    def stop_time(self) -> Optional[datetime]:
        """Of the last transaction before the target: datetime, UTC; None when not known."""
        return time_of(self.stop_time_ns)

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON's types alone."""
        return {
            **self._handle.to_dict(),
            "start_lsn_text": self.start_lsn_text,
            "stop_lsn_text": self.stop_lsn_text,
        }

    def __repr__(self) -> str:
        return f"<PitrPlan from {self.snapshot.id[:8]} to {self.stop_lsn_text} on timeline {self.timeline}>"

    def _repr_html_(self) -> str:
        return table_html([self.to_dict()])

    def restore(
        self,
        data_dir: PathText,
        *,
        delta: bool = False,
        tablespaces: Optional[Mapping[str, PathText]] = None,
        tablespaces_under: Optional[PathText] = None,
        progress: Optional[Progress] = None,
        log: Optional[Log] = None,
    ) -> _core.RestoreResult:
        """Writes the plan's snapshot into a data directory, as Repository.restore does."""
        return self._repository.restore(
            self.snapshot,
            data_dir,
            delta=delta,
            tablespaces=tablespaces,
            tablespaces_under=tablespaces_under,
            progress=progress,
            log=log,
        )

    def write_settings(
        self, data_dir: PathText, restore_command: str, *, action: str = "promote", keep_archiving: bool = False
    ) -> None:
        """Writes into the restored data directory what makes the server recover to the target, synced.

        restore_command: as the server shall call it, with %f and %p. action: "promote", "pause" or "shutdown".
        keep_archiving: the recovered server archives as the original did; otherwise archiving is off, so that a trial
        leaves nothing in the repository.
        Errors: PreconditionFailedError (a server runs in it), NotFoundError (no data directory).
        """
        self._handle.write_settings(os.fspath(data_dir), restore_command, action, keep_archiving)

    def start(
        self,
        data_dir: PathText,
        *,
        action: str = "promote",
        bin_dir: Optional[PathText] = None,
        environment: Optional[Mapping[str, str]] = None,
        log_file: Optional[PathText] = None,
        server_options: str = "",
        timeout: float = 3600.0,
        log: Optional[Log] = None,
    ) -> PitrReached:
        """Starts the server and waits until the target is reached or it stopped by itself; it lives on afterwards.

        A recovery that fails is an answer with finished False. Units: timeout in seconds.
        Errors: PreconditionFailedError, UnsupportedError (no programs), TimeoutError, CancelledError (the server is
        stopped), IoError.
        """
        found = self._handle.start(
            os.fspath(data_dir),
            action,
            "" if bin_dir is None else os.fspath(bin_dir),
            dict(environment or {}),
            "" if log_file is None else os.fspath(log_file),
            server_options,
            timeout,
            log,
        )
        return PitrReached(**found)

    def apply(
        self,
        data_dir: PathText,
        restore_command: str,
        *,
        action: str = "promote",
        keep_archiving: bool = False,
        tablespaces: Optional[Mapping[str, PathText]] = None,
        tablespaces_under: Optional[PathText] = None,
        bin_dir: Optional[PathText] = None,
        environment: Optional[Mapping[str, str]] = None,
        server_options: str = "",
        timeout: float = 3600.0,
        progress: Optional[Progress] = None,
        log: Optional[Log] = None,
    ) -> PitrReached:
        """restore(), write_settings() and start() in one."""
        self.restore(
            data_dir, tablespaces=tablespaces, tablespaces_under=tablespaces_under, progress=progress, log=log
        )
        self.write_settings(data_dir, restore_command, action=action, keep_archiving=keep_archiving)
        return self.start(
            data_dir,
            action=action,
            bin_dir=bin_dir,
            environment=environment,
            server_options=server_options,
            timeout=timeout,
            log=log,
        )


def plan_pitr(
    repository: Repository,
    *,
    time: Optional[datetime] = None,
    lsn: Optional[Lsn] = None,
    xid: Optional[int] = None,
    name: Optional[str] = None,
    immediate: bool = False,
    latest: bool = False,
    inclusive: bool = True,
    timeline: Optional[int] = None,
    system_id: Optional[int] = None,
    snapshot: Optional[SnapshotName] = None,
    read_log: bool = True,
    log: Optional[Log] = None,
) -> PitrPlan:
    """Chooses the snapshot and proves that the log leads to the target; writes nothing.

    The log is the snapshot's own, opens, and goes on without a break; read_log False believes its names and sizes.

    Exactly one of time (a datetime with a zone), lsn (a number, or "1/A0000028"), xid, name (of a restore point),
    immediate (as soon as the snapshot is consistent) and latest (the end of the log).
    inclusive: False stops just before the target. timeline: else the one that the newest snapshot leads
    to; InvalidArgumentError asks for it when there are several. snapshot: also a partial one. system_id: when there are
    several clusters.
    Errors: NotFoundError (the target lies outside of what can be recovered: the message says what can be),
    InvalidArgumentError, PreconditionFailedError (the log is not this snapshot's), PermissionDeniedError (a write key),
    CorruptError (log that is needed is damaged).
    """
    kinds = {
        "time": time is not None,
        "lsn": lsn is not None,
        "xid": xid is not None,
        "name": name is not None,
        "immediate": immediate,
        "latest": latest,
    }
    chosen = [kind for kind, given in kinds.items() if given]
    if len(chosen) != 1:
        raise _core.InvalidArgumentError("give exactly one of time, lsn, xid, name, immediate and latest")
    if time is not None and time.tzinfo is None:
        raise _core.InvalidArgumentError("the time has no zone")
    time_ns = 0 if time is None else (time - _EPOCH) // timedelta(microseconds=1) * 1000
    start = ""
    if snapshot is not None:
        start = (repository.find(snapshot) if isinstance(snapshot, str) else snapshot).id
    options = _core.PitrOptions(
        chosen[0], time_ns, lsn_of(lsn or 0), xid or 0, name or "", inclusive, timeline, system_id, start, read_log
    )
    return PitrPlan(repository, _core.plan_pitr(repository._handle, options, log))
