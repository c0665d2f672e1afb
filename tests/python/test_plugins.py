"""Storages, sources and checks written in Python."""

import io
import threading

import pytest

import drkit
from conftest import CHEAP, tree_of


class DictStorage(drkit.Storage):
    """The smallest storage that passes the suite."""

    def __init__(self):
        self.objects = {}
        self.lock = threading.Lock()

    def info(self):
        return drkit.StorageInfo("dict", "dict:", conditional_create=True)

    def stat(self, key):
        return drkit.ObjectInfo(key, len(self._bytes(key)))

    def get(self, key, offset=0, length=None):
        data = self._bytes(key)
        if offset > len(data):
            raise drkit.InvalidArgumentError("the offset is past the end")
        return data[offset:] if length is None else data[offset : offset + length]

    def put(self, key, data, *, if_absent=False):
        with self.lock:
            if if_absent and key in self.objects:
                raise drkit.AlreadyExistsError("the object is there")
            self.objects[key] = data

    def remove(self, key):
        self.objects.pop(key, None)

    def list(self, prefix):
        for key, data in sorted(self.objects.items()):
            if key.startswith(prefix):
                yield drkit.ObjectInfo(key, len(data))

    def _bytes(self, key):
        try:
            return self.objects[key]
        except KeyError:
            raise drkit.NotFoundError("no such object") from None


def test_suite_passes():
    cases = drkit.testing.run_storage_suite(DictStorage)
    assert len(cases) >= 10
    assert all(case.failure is None for case in cases)


def test_suite_passes_for_builtin_storages(tmp_path):
    numbers = iter(range(1000))
    drkit.testing.run_storage_suite(lambda: drkit.open_storage(tmp_path / f"s{next(numbers)}", create=True))


def test_suite_finds_faults():
    class Forgetful(DictStorage):
        def put(self, key, data, *, if_absent=False):
            super().put(key, data)

    with pytest.raises(AssertionError, match="cases failed"):
        drkit.testing.run_storage_suite(Forgetful)


def test_repository_on_a_python_storage(tree, tmp_path):
    storage = DictStorage()
    with drkit.Repository.create(storage, password="x", password_cost=CHEAP) as repo:
        snapshot = repo.backup(tree)
        repo.restore(snapshot, tmp_path / "out")
        assert repo.check(level="files").ok
    assert tree_of(tmp_path / "out") == tree_of(tree)
    with drkit.Repository.open(storage, password="x") as repo:
        assert repo.snapshots() == [snapshot]
    key = next(key for key, data in storage.objects.items() if len(data) > 1000)
    storage.objects[key] = storage.objects[key][:-1] + b"\0"
    assert not drkit.check_objects(storage).ok


def test_what_a_storage_raises(tree):
    class Broken(DictStorage):
        fault = None

        def put(self, key, data, *, if_absent=False):
            if self.fault is not None:
                raise self.fault
            super().put(key, data, if_absent=if_absent)

    storage = Broken()
    repo = drkit.Repository.create(storage, password="x", password_cost=CHEAP)
    storage.fault = drkit.NoSpaceError("the shelf is full", context={"shelf": "7"})
    with pytest.raises(drkit.NoSpaceError) as caught:
        repo.backup(tree)
    assert caught.value.context["shelf"] == "7"
    assert "key" in caught.value.context
    storage.fault = ValueError("a bug")
    with pytest.raises(drkit.CallbackFailedError) as caught:
        repo.backup(tree)
    assert isinstance(caught.value.__cause__, ValueError)
    assert "ValueError" in str(caught.value)
    storage.fault = None
    assert repo.backup(tree).status == "complete"


def test_builtin_storages_have_the_same_face(tmp_path):
    storage = drkit.open_storage(tmp_path / "s", create=True)
    assert isinstance(storage, drkit.Storage)
    storage.put("a/b", b"0123456789")
    assert storage.get("a/b", 2, 3) == b"234"
    assert storage.stat("a/b").size == 10
    assert [one.key for one in storage.list("a/")] == ["a/b"]
    with pytest.raises(drkit.AlreadyExistsError):
        storage.put("a/b", b"", if_absent=True)
    storage.remove("a/b")
    with pytest.raises(drkit.NotFoundError) as caught:
        storage.stat("a/b")
    assert caught.value.context["key"] == "a/b"
    assert storage.info().scheme == "file"


class Generated(drkit.Source):
    kind = "generated"
    name = "test"
    ordered = True

    def __init__(self, content=b"x" * 300_000):
        self.content = content
        self.opened = 0
        self.calls = []

    def begin(self):
        self.calls.append("begin")

    def estimated_bytes(self):
        return len(self.content)

    def open(self):
        self.opened += 1
        return io.BytesIO(self.content)

    def entries(self):
        self.calls.append("entries")
        yield drkit.Entry("", "directory", mode=0o750)
        yield drkit.Entry("big", size=len(self.content), mtime_ns=1, fingerprint=(1, 2, 3)), self.open
        yield drkit.Entry("link", "symlink", link_target="big")
        yield drkit.Entry("small", size=5, xattrs={"user.note": b"\0\1"}), io.BytesIO(b"small")

    def finish(self):
        self.calls.append("finish")
        return {"position": "42"}


def test_source(repo, tmp_path):
    source = Generated()
    snapshot = repo.backup(source)
    assert source.calls == ["begin", "entries", "finish"]
    assert snapshot.source_kind == "generated"
    assert snapshot.receipt == {"position": "42"}
    assert repo.read(snapshot, "big") == source.content
    assert {entry.path: entry.xattrs for entry in repo.ls(snapshot)}["small"] == {"user.note": b"\0\1"}
    repo.restore(snapshot, tmp_path / "out", owners=False)
    assert tree_of(tmp_path / "out") == {"big": source.content, "link": "big", "small": b"small"}


def test_unchanged_files_are_not_opened(repo):
    first, second = Generated(), Generated()
    repo.backup(first)
    assert (first.opened, repo.backup(second).stats.files_unchanged >= 1) == (1, True)
    assert second.opened == 0


def test_what_a_source_raises(repo):
    class Broken(Generated):
        def entries(self):
            yield drkit.Entry("", "directory")
            raise RuntimeError("the generator broke")

    with pytest.raises(drkit.CallbackFailedError) as caught:
        repo.backup(Broken())
    assert str(caught.value.__cause__) == "the generator broke"

    class Wrong(Generated):
        def entries(self):
            yield "no entry"

    with pytest.raises(drkit.CallbackFailedError):
        repo.backup(Wrong())
    with pytest.raises(drkit.InvalidArgumentError):
        repo.backup(Generated(), exclude=["x"])
    for option in ({"mode": "local"}, {"what": "dump"}, {"max_rate_kib": 1}):
        with pytest.raises(drkit.InvalidArgumentError):
            repo.backup(Generated(), **option)
    assert repo.snapshots() == []


class Counts(drkit.Check):
    id = "counts"
    level = "chunks"

    def run(self, repository, snapshot):
        entries = list(repository.ls(snapshot))
        if len(entries) < 100:
            yield drkit.Finding(severity="warning", code="few", subject=snapshot.id, message=f"{len(entries)} entries")


def test_check(repo, tree):
    snapshot = repo.backup(tree)
    report = repo.check(snapshot, level="chunks", checks=[Counts()])
    assert report.ok
    assert [(one.code, one.subject) for one in report.findings] == [("few", snapshot.id)]


def test_check_that_could_not_look(repo, tree):
    class Broken(Counts):
        def run(self, repository, snapshot):
            raise drkit.UnavailableError("the server is away", retryable=True)

    snapshot = repo.backup(tree)
    with pytest.raises(drkit.UnavailableError) as caught:
        repo.check(snapshot, level="chunks", checks=[Broken()])
    assert caught.value.retryable


def test_entries():
    entry = drkit.Entry("a/b", mode=0o600, size=3)
    assert entry == drkit.Entry("a/b", mode=0o600, size=3)
    assert entry != drkit.Entry("a/c", mode=0o600, size=3)
    assert entry.to_dict()["type"] == "regular"
    assert "a/b" in repr(entry)
    with pytest.raises(drkit.InvalidArgumentError):
        drkit.Entry("a", "carpet")
