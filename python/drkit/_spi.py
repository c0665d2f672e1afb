"""What storages, sources and checks written in Python implement."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Protocol, Tuple, Union

from ._core import Entry, Finding, Snapshot

if TYPE_CHECKING:

    from ._repository import Repository


@dataclass(frozen=True)
class StorageInfo:
    """What a storage says about itself. The name is for humans and never holds a secret."""

    scheme: str
    name: str
    #: put(..., if_absent=True) is atomic between processes.
    conditional_create: bool = False
    writable: bool = True
    #: Units: bytes; None: unlimited.
    max_object_bytes: Optional[int] = None


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a storage."""

    key: str
    #: Units: bytes.
    size: int
    #: Units: nanoseconds since the Unix epoch; 0 when unknown.
    modified_ns: int = 0


class Storage(abc.ABC):
    """Keeps objects. Subclass it to back up to a place that drkit does not know.

    Keys are relative paths of [a-z0-9._/-], at most 200 characters, checked before the methods see them. A put is
    whole or not at all and durable when it returns; a failed call changes nothing. Raise the drkit exception that
    fits (NotFoundError, AlreadyExistsError, UnavailableError with retryable=True, ...).

    Thread-safety: every method may be called from many threads at once.
    Test it with drkit.testing.run_storage_suite.
    """

    @abc.abstractmethod
    def info(self) -> StorageInfo:
        """Called once, when the storage is handed to drkit."""

    @abc.abstractmethod
    def stat(self, key: str) -> ObjectInfo:
        """Errors: NotFoundError."""

    @abc.abstractmethod
    def get(self, key: str, offset: int = 0, length: Optional[int] = None) -> bytes:
        """The bytes of the range, clipped to the object's end; length None: to the end.

        Errors: NotFoundError; InvalidArgumentError when the offset is past the end.
        """

    @abc.abstractmethod
    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Stores, replacing what is there; with if_absent AlreadyExistsError when the key exists."""

    @abc.abstractmethod
    def remove(self, key: str) -> None:
        """Absent is success."""

    @abc.abstractmethod
    def list(self, prefix: str) -> Iterable[ObjectInfo]:
        """Every object whose key starts with prefix, in any order. May be a generator."""


class Reader(Protocol):
    """What gives the content of an entry: any file object opened for reading bytes. Its close() is called if there."""

    def read(self, size: int, /) -> bytes:
        """At most size bytes; b"" at the end."""


#: An entry without content, or with a reader, or with a callable that opens the reader when the content is needed.
SourceItem = Union[Entry, Tuple[Entry, Optional[Union[Reader, Callable[[], Reader]]]]]


class Source(abc.ABC):
    """Something that can be backed up. Subclass it and hand an instance to Repository.backup.

    Thread-safety: all methods are called by one thread at a time, not always the same one.
    """

    #: The system's name, such as "mysql".
    kind: str = "python"
    #: What Repository.snapshots(source=...) matches; never with a secret.
    name: str = ""
    #: True: an entry with a problem makes the snapshot partial; False: it makes the backup fail.
    entry_errors_are_partial: bool = False
    #: True when entries come in path order, a directory directly before its children.
    ordered: bool = False

    def begin(self) -> None:
        """Takes the consistent point; called before entries()."""

    def estimated_bytes(self) -> int:
        """For the progress; 0 when unknown."""
        return 0

    @abc.abstractmethod
    def entries(self) -> Iterable[SourceItem]:
        """Every entry; with a reader if it is a regular file or stream. A generator, as a rule.

        A reader is used up before the next entry is asked for. A callable in its place is only called when the content
        must be read, so that an unchanged file is never opened.
        """

    def finish(self) -> Optional[Mapping[str, str]]:
        """Called at the end; the snapshot keeps what it returns as its receipt."""
        return None


class Check(abc.ABC):
    """Looks whether a snapshot would restore. Subclass it and hand an instance to Repository.check(checks=[...]).

    Raising an exception says: could not look. Giving a Finding says: looked and saw.
    """

    #: Stable name of the check.
    id: str = "python"
    #: "chunks", "files" or "boot": runs at this level and above; the level "objects" looks at no snapshot.
    level: str = "files"

    def applies_to(self, snapshot: Snapshot) -> bool:
        """Whether run() is to be called for this snapshot."""
        return True

    @abc.abstractmethod
    def run(self, repository: Repository, snapshot: Snapshot) -> Iterable[Finding]:
        """What was seen; nothing when all is well. May be a generator."""
