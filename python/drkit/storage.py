"""What a storage really does, before a repository is trusted to it."""

from __future__ import annotations

import html
import json
import os
from dataclasses import asdict, dataclass
from typing import Any, Optional, Union

from . import _core
from ._spi import Storage
from ._storage import BuiltinStorage, open_storage

__all__ = ["ProbeItem", "ProbeReport", "open_storage", "probe"]


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
