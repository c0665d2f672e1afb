"""Plans of restores, and files of snapshots."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from . import _core

if TYPE_CHECKING:
    from ._repository import Progress


class RestorePlan:
    """What a restore would do. Nothing is touched before apply()."""

    def __init__(
        self,
        snapshot: _core.Snapshot,
        target: str,
        stats: _core.RestoreStats,
        removed: int,
        removed_first: list[str],
        apply: Callable[[Optional[Progress]], _core.RestoreResult],
    ) -> None:
        self.snapshot = snapshot
        self.target = target
        #: Counts: RestoreStats; bytes_fetched and bytes_written are estimates.
        self.stats = stats
        #: How many entries at the target a delta would remove, since they are not in the snapshot.
        self.removed = removed
        #: The first 20 of their paths.
        self.removed_first = removed_first
        self._apply = apply

    def apply(self, *, progress: Optional[Progress] = None) -> _core.RestoreResult:
        """Restores, as Repository.restore does."""
        return self._apply(progress)

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON's types alone."""
        return {
            "snapshot": self.snapshot.id,
            "target": self.target,
            "stats": self.stats.to_dict(),
            "removed": self.removed,
            "removed_first": self.removed_first,
        }

    def __repr__(self) -> str:
        return f"<RestorePlan {self.snapshot.id} to {self.target!r}: {self.stats.files} files, {self.stats.bytes} bytes>"


class SnapshotFile(io.RawIOBase):
    """The content of one file of a snapshot, verified while it is read. Closing it stops the reading."""

    def __init__(self, pieces: _core.BytesIterator) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fills the buffer; 0 at the end."""
        view = memoryview(buffer).cast("B")
        if not self._rest:
            self._rest = next(self._pieces, b"")
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        """Stops the reading; may be called twice."""
        if not self.closed:
            self._pieces.close()
        super().close()
