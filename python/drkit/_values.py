"""Positions and times as people read them, and tables for notebooks."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Optional, Union

from . import _core

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def lsn_text(lsn: int) -> str:
    """ "1/A0000028"."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def lsn_of(lsn: Union[int, str]) -> int:
    """The number of a position; text is what the server writes. Errors: InvalidArgumentError."""
    if isinstance(lsn, int):
        return lsn
    high, slash, low = lsn.partition("/")
    try:
        if slash and 1 <= len(high) <= 8 and 1 <= len(low) <= 8:
            return int(high, 16) << 32 | int(low, 16)
    except ValueError:
        pass
    raise _core.InvalidArgumentError("a position in the log looks like 1/A0000028")


def time_of(nanoseconds: int) -> Optional[datetime]:
    """UTC; None for 0."""
    return None if nanoseconds == 0 else _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def table_html(rows: Sequence[dict[str, Any]]) -> str:
    """A table, every text escaped."""
    if not rows:
        return "<p>none</p>"
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row.values()) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
