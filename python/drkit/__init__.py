"""Backup and disaster recovery that can be embedded.

>>> import drkit
>>> repo = drkit.Repository.create("mem:", password="correct horse", password_cost=(1, 8192))
>>> repo.snapshots()
[]
"""

from . import storage, testing
from ._core import (
    BackupStats,
    CheckedSnapshot,
    Entry,
    Finding,
    KeySlot,
    Problem,
    ProgressEvent,
    Report,
    RestoreResult,
    RestoreStats,
    Snapshot,
    __version__,
)
from ._core import (
    AlreadyExistsError,
    BadKeyError,
    CallbackFailedError,
    CancelledError,
    CorruptError,
    InternalError,
    InvalidArgumentError,
    IoError,
    NoSpaceError,
    NotFoundError,
    OutOfMemoryError,
    PermissionDeniedError,
    PreconditionFailedError,
    RateLimitedError,
    TimeoutError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedError,
    VersionUnsupportedError,
)
from ._error import Error, PartialWarning
from ._keys import KeyFile
from ._pitr import PitrPlan, PitrReached, plan_pitr
from ._repository import Repository, check_objects
from ._restore import RestorePlan
from ._spi import Check, ObjectInfo, Source, Storage, StorageInfo
from ._storage import open_storage
from ._values import lsn_text
from ._wal import (
    RecoveryWindow,
    WalObject,
    get_wal,
    list_wal,
    push_wal,
    receive_wal,
    recovery_window,
    verify_wal,
)

__all__ = [
    "AlreadyExistsError",
    "BackupStats",
    "BadKeyError",
    "CallbackFailedError",
    "CancelledError",
    "Check",
    "CheckedSnapshot",
    "CorruptError",
    "Entry",
    "Error",
    "Finding",
    "InternalError",
    "InvalidArgumentError",
    "IoError",
    "KeyFile",
    "KeySlot",
    "NoSpaceError",
    "NotFoundError",
    "ObjectInfo",
    "OutOfMemoryError",
    "PartialWarning",
    "PermissionDeniedError",
    "PitrPlan",
    "PitrReached",
    "PreconditionFailedError",
    "Problem",
    "ProgressEvent",
    "RateLimitedError",
    "RecoveryWindow",
    "Report",
    "Repository",
    "RestorePlan",
    "RestoreResult",
    "RestoreStats",
    "Snapshot",
    "Source",
    "Storage",
    "StorageInfo",
    "TimeoutError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnsupportedError",
    "VersionUnsupportedError",
    "WalObject",
    "__version__",
    "check_objects",
    "get_wal",
    "list_wal",
    "lsn_text",
    "open_storage",
    "plan_pitr",
    "push_wal",
    "receive_wal",
    "recovery_window",
    "storage",
    "testing",
    "verify_wal",
]
