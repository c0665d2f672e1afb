"""Storages that the library has, with the face that storages written in Python have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Optional, Union

from . import _core
from ._keys import Password, secret_of
from ._spi import ObjectInfo, Storage, StorageInfo

PathText = Union[str, "os.PathLike[str]"]


class BuiltinStorage(Storage):
    """A storage of the library's own; made by open_storage."""

    def __init__(self, handle: _core.StorageHandle) -> None:
        self._handle = handle

    def info(self) -> StorageInfo:
        """Scheme, name without secrets, abilities."""
        return StorageInfo(*self._handle.info())

    def stat(self, key: str) -> ObjectInfo:
        """Errors: NotFoundError."""
        return ObjectInfo(*self._handle.stat(key))

    def get(self, key: str, offset: int = 0, length: Optional[int] = None) -> bytes:
        """The bytes of the range, clipped to the object's end."""
        return self._handle.get(key, offset, length)

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Stores durably, whole or not at all."""
        self._handle.put(key, data, if_absent)

    def remove(self, key: str) -> None:
        """Absent is success."""
        self._handle.remove(key)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with prefix, in no promised order."""
        return (ObjectInfo(*one) for one in self._handle.list(prefix))

    def __repr__(self) -> str:
        return f"<Storage {self.info().name}>"


def access_of(
    user: str = "",
    password: Optional[Password] = None,
    key_file: Optional[PathText] = None,
    agent_socket: Optional[PathText] = None,
    ca_file: Optional[PathText] = None,
    client_certificate_file: Optional[PathText] = None,
    client_key_file: Optional[PathText] = None,
    proxy: str = "",
) -> _core._Access:
    """Credentials and trust as the core takes them."""
    files = [key_file, agent_socket, ca_file, client_certificate_file, client_key_file]
    key, agent, authorities, certificate, certificate_key = ("" if one is None else os.fspath(one) for one in files)
    return (user, secret_of(password), key, agent, authorities, certificate, certificate_key, proxy)


def open_storage(
    address: Union[str, os.PathLike[str]],
    *,
    create: bool = False,
    upload_limit: int = 0,
    download_limit: int = 0,
    attempts: int = 8,
    user: str = "",
    password: Optional[Password] = None,
    key_file: Optional[PathText] = None,
    agent_socket: Optional[PathText] = None,
    ca_file: Optional[PathText] = None,
    client_certificate_file: Optional[PathText] = None,
    client_key_file: Optional[PathText] = None,
    proxy: str = "",
    concurrency: int = 0,
    read_only: bool = False,
    cache_directory: Optional[PathText] = None,
    cache_bytes: int = 1 << 30,
) -> Storage:
    """Opens a storage by its address.

    `file:///dir`, a bare path, `sftp://user@host:port/dir`, `s3://bucket/prefix`, `webdav+https://host/folder`,
    `nextcloud+https://host/folder` (both also with http), `mirror:ADDRESS|ADDRESS` (each copy with these options) or
    `mem:`.

    Shapes: password is the password, the secret access key, the bearer token or the passphrase of key_file, as text,
    bytes or a callable that gives it; agent_socket is that of an ssh-agent; the files are PEM. Nothing is taken out of
    the environment but what S3 without a user asks for, the standard places of AWS. read_only refuses every write and
    excludes create; cache_directory keeps whole objects that their names prove.
    Units: the limits are bytes per second, 0 for none; attempts counts tries of retryable failures; concurrency counts
    calls under way at once, 0 for no limit but the storage's own; cache_bytes is the size of the cache.
    Errors: InvalidArgumentError, UnsupportedError (scheme), NotFoundError, UnauthenticatedError, UnavailableError.
    """
    access = access_of(user, password, key_file, agent_socket, ca_file, client_certificate_file, client_key_file, proxy)
    cache = "" if cache_directory is None else os.fspath(cache_directory)
    around = (concurrency, read_only, cache, cache_bytes)
    return BuiltinStorage(
        _core.open_storage(os.fspath(address), create, upload_limit, download_limit, attempts, access, around)
    )


def handle_of(
    storage: Union[str, os.PathLike[str], Storage],
    *,
    create: bool,
    user: str = "",
    password: Optional[Password] = None,
    key_file: Optional[PathText] = None,
) -> _core.StorageHandle:
    """The library's handle for what users may give as a storage."""
    if not isinstance(storage, Storage):
        opened = open_storage(storage, create=create, user=user, password=password, key_file=key_file)
        assert isinstance(opened, BuiltinStorage)
        return opened._handle
    if user or password is not None or key_file is not None:
        raise _core.InvalidArgumentError("storage credentials go with an address, not with an open storage")
    return storage._handle if isinstance(storage, BuiltinStorage) else _core.wrap_storage(storage)
