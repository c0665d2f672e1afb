"""The root of all exceptions; the extension makes one subclass for each code of the library's table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Error(Exception):
    """Root of every exception of drkit.

    There is one subclass for each code, such as drkit.NotFoundError. Plug-ins raise them to say what happened;
    any other exception out of a plug-in reaches the caller as drkit.CallbackFailedError, chained to the original.
    """

    #: Name of the pinned code, such as "not_found".
    code: str = "internal"
    #: Number of the pinned code, the same in every language.
    value: int = 91

    def __init__(self, message: str = "", *, retryable: bool = False, context: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        #: One line without secrets.
        self.message = message
        #: Whether the same call may succeed when it is repeated.
        self.retryable = retryable
        #: What the failure was about: "path", "key", "expected", ...
        self.context: dict[str, str] = {str(key): str(value) for key, value in (context or {}).items()}

    def __str__(self) -> str:
        pairs = ", ".join(f"{key}={value}" for key, value in self.context.items())
        return f"{self.message} ({pairs})" if pairs else self.message

    def to_dict(self) -> dict[str, Any]:
        """A dict of JSON's types alone."""
        return {
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
            "context": dict(self.context),
        }


class PartialWarning(UserWarning):
    """A backup or restore came to its end, but some entries are missing: see the result's `problems`."""
