"""What a storage really does, how long it protects what it keeps, and what the copies of a mirror lack."""

from __future__ import annotations

import html
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Optional, Union

from . import _core
from ._mirror import MirrorGap, MirrorReport, compare, heal, mirror, pending, settle
from ._spi import Storage
from ._storage import BuiltinStorage, access_of, open_storage

__all__ = [
    "MirrorGap",
    "MirrorReport",
    "ProbeItem",
    "ProbeReport",
    "RetainReport",
    "compare",
    "heal",
    "mirror",
    "open_storage",
    "pending",
    "probe",
    "retain",
    "settle",
]


@dataclass(frozen=True)
class ProbeItem:
    """One thing that was looked at. verdict: "ok", "degraded" or "unsafe"; value and unit: what was measured."""

    id: str
    verdict: str
    explanation: str
    value: Optional[float] = None
    unit: str = ""


@dataclass(frozen=True)
class ProbeReport:
    """What probe() saw. verdict is the worst of the items; safe: a repository loses nothing there."""

    storage: str
    verdict: str
    safe: bool
    summary: str
    started_ns: int
    duration_ns: int
    items: tuple[ProbeItem, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        values = asdict(self)
        values["items"] = [asdict(one) for one in self.items]
        return values

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(one.id)}</td><td>{html.escape(one.verdict)}</td>"
            f"<td style='text-align:left'>{html.escape(one.explanation)}</td></tr>"
            for one in self.items
        )
        title = f"{html.escape(self.storage)}: {html.escape(self.summary)}"
        return f"<table><caption>{title}</caption><tr><th>probe</th><th>verdict</th><th>why</th></tr>{rows}</table>"


def probe(
    storage: Union[str, os.PathLike[str], Storage],
    *,
    object_bytes: int = 8 << 20,
    small_objects: int = 32,
    **options: Any,
) -> ProbeReport:
    """Looks at a writable storage under a prefix of its own and removes what it put there.

    Shapes: storage is an address, opened with `options` as for open_storage (the place is made), or an open storage.
    Units: object_bytes, at most 256 MiB, is the size of the large objects; small_objects, at most 10000, their number.
    Errors: those of a storage that cannot be asked; what it does wrong is in the report.
    """
    if not isinstance(storage, Storage):
        storage = open_storage(storage, **{"create": True, **options})
    elif options:
        raise TypeError("options go with an address, not with an open storage")
    handle = storage._handle if isinstance(storage, BuiltinStorage) else _core.wrap_storage(storage)
    values = json.loads(_core.probe_storage(handle, object_bytes, small_objects))
    values["items"] = tuple(ProbeItem(**one) for one in values["items"])
    return ProbeReport(**values)


@dataclass(frozen=True)
class RetainReport:
    """What retain() did. objects and bytes: those that are now as wanted; failures: (key, reason) of the others."""

    objects: int
    bytes: int
    failures: tuple[tuple[str, str], ...]

    @property
    def ok(self) -> bool:
        """No object refused."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """Plain values, such as json.dumps takes."""
        return {"objects": self.objects, "bytes": self.bytes, "failures": [list(one) for one in self.failures]}


def retain(
    address: str,
    *,
    until: Optional[Union[datetime, int]] = None,
    legal_hold: Optional[bool] = None,
    parallel: int = 8,
    **access: Any,
) -> RetainReport:
    """Protects every object of a repository on S3 by Object Lock, for longer and never for shorter.

    Shapes: until is a datetime with a time zone, or nanoseconds since the Unix epoch; None: retention stays as it is.
    legal_hold sets (True) or lifts (False) the hold; access is user, password and the rest of open_storage.
    Errors: UnsupportedError (no Object Lock there), InvalidArgumentError (nothing to do, a moment that is not ahead).
    """
    if isinstance(until, datetime):
        if until.tzinfo is None:
            raise ValueError("until needs a time zone")
        until = int(until.timestamp()) * 1_000_000_000
    objects, size, failures = _core.retain_objects(address, until or 0, legal_hold, parallel, access_of(**access))
    return RetainReport(objects, size, tuple(failures))
