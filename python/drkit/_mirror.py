"""Mirrors: one storage over several copies, and what a copy lacks."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional, Union

from . import _core
from ._error import PartialWarning
from ._spi import Storage
from ._storage import BuiltinStorage, open_storage


@dataclass(frozen=True)
class MirrorGap:
    """An object that a copy lacks, has wrong, or has though the others removed it.

    key: "" when the copy cannot be asked at all; copy: its position, from 0; damaged: the copy has other bytes.
    """

    key: str
    copy: int
    reason: str
    damaged: bool = False


@dataclass(frozen=True)
class MirrorReport:
    """What the copies lack, and what was brought to them."""

    gaps: tuple[MirrorGap, ...]
    objects_copied: int = 0
    bytes_copied: int = 0

    @property
    def ok(self) -> bool:
        """Everything is on every copy."""
        return not self.gaps

    def status_of(self, operation: str) -> str:
        """What an operation came to: its own status, or "partial" when that is "complete" and gaps are left."""
        return "partial" if operation == "complete" and self.gaps else operation

    def to_dict(self) -> dict[str, Any]:
        """Plain values, such as json.dumps takes."""
        values = asdict(self)
        values["gaps"] = [asdict(one) for one in self.gaps]
        return values


def report_of(healed: _core._Healed) -> MirrorReport:
    """From what the core answers."""
    gaps, objects, size = healed
    return MirrorReport(tuple(MirrorGap(*one) for one in gaps), objects, size)


def warn_of(report: MirrorReport, stacklevel: int) -> MirrorReport:
    """A gap is no success: whoever does not look is warned."""
    if report.gaps:
        copies = sorted({one.copy + 1 for one in report.gaps})
        text = f"the mirror is partial: {len(report.gaps)} gaps on copy {', '.join(map(str, copies))}"
        warnings.warn(text, PartialWarning, stacklevel=stacklevel)
    return report


def _handle(storage: Storage) -> _core.StorageHandle:
    return storage._handle if isinstance(storage, BuiltinStorage) else _core.wrap_storage(storage)


def mirror(copies: Sequence[Union[str, os.PathLike[str], Storage]], *, quorum: int = 0, **options: Any) -> Storage:
    """One storage over several. A put succeeds when `quorum` copies took it (0: all); reads go on to the next copy.

    Shapes: copies are addresses, opened with `options` as for open_storage, or open storages.
    Errors: InvalidArgumentError (no copy, a quorum above their number), those of opening.
    """
    opened = [one if isinstance(one, Storage) else open_storage(one, **options) for one in copies]
    return BuiltinStorage(_core.make_mirror([_handle(one) for one in opened], quorum))


def settle(storage: Storage, *, log: Optional[Callable[[str, str], Any]] = None) -> MirrorReport:
    """Compares the copies of a mirror, brings over what is missing, and says what is left; that gives PartialWarning.

    Call it after each operation over the mirror, or Repository.settle_mirror. Other storages have no gaps.
    """
    return warn_of(report_of(_core.settle_mirror(_handle(storage), log)), 3)


def pending(storage: Storage) -> MirrorReport:
    """What is known to be missing since the mirror was opened; nothing is asked. Errors: InvalidArgumentError."""
    return report_of(_core.mirror_pending(_handle(storage)))


def compare(storage: Storage) -> None:
    """Lists every copy; what differs is pending then. Errors: when a copy cannot be listed, InvalidArgumentError."""
    _core.compare_mirror(_handle(storage))


def heal(storage: Storage) -> MirrorReport:
    """Heals what is pending and says what is left. Errors: InvalidArgumentError."""
    return report_of(_core.heal_mirror(_handle(storage)))
