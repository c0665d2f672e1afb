"""Key files and passwords."""

from __future__ import annotations

import os
from typing import Callable, Optional, Union

from . import _core

#: Text, bytes, or a callable that gives either when it is needed.
Password = Union[str, bytes, bytearray, memoryview, Callable[[], Union[str, bytes]]]


class KeyFile:
    """A key pair: the secret half opens repositories, the public half may be published."""

    def __init__(self, pair: _core.KeyPair) -> None:
        self._pair = pair

    @classmethod
    def generate(cls) -> KeyFile:
        """Makes a new pair."""
        return cls(_core.KeyPair.generate())

    @classmethod
    def load(cls, path: Union[str, os.PathLike[str]]) -> KeyFile:
        """Errors: InvalidArgumentError when the file is no key file; OSError."""
        with open(path, "rb") as file:
            return cls(_core.KeyPair.parse(file.read().strip()))

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes the secret half, readable by its owner alone. Errors: FileExistsError, for no key is overwritten."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._pair.secret_bytes())
            file.flush()
            os.fsync(file.fileno())

    @property
    def public_key(self) -> str:
        """To be given as a recipient."""
        return self._pair.public_key

    def __repr__(self) -> str:
        return f"<KeyFile {self.public_key}>"


def secret_of(password: Optional[Password]) -> Union[str, bytes, bytearray, memoryview, None]:
    """Asks the callable, if it is one."""
    return password() if callable(password) else password


def key_of(key_file: Union[KeyFile, str, os.PathLike[str], None]) -> Optional[bytes]:
    """The secret text of a key file, or of the file at a path."""
    if key_file is None:
        return None
    loaded = key_file if isinstance(key_file, KeyFile) else KeyFile.load(key_file)
    return loaded._pair.secret_bytes()
