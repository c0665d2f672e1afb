"""The conformance suites of the library, for plug-ins written in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from . import _core
from ._spi import Storage
from ._storage import handle_of

__all__ = ["CaseResult", "run_storage_suite"]


@dataclass(frozen=True)
class CaseResult:
    """One case of a suite; no failure means that it passed."""

    name: str
    failure: Optional[str]


def run_storage_suite(make: Callable[[], Storage]) -> list[CaseResult]:
    """Runs every case, each on the new, empty storage that make() gives; answers all when all pass.

    Errors: AssertionError that names the cases that failed.
    """
    cases = [CaseResult(*one) for one in _core.run_storage_suite(make, lambda made: handle_of(made, create=False))]
    failed = [f"{case.name}: {case.failure}" for case in cases if case.failure is not None]
    if failed:
        raise AssertionError(f"{len(failed)} of {len(cases)} cases failed:\n" + "\n".join(failed))
    return cases
