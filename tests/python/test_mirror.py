"""Mirrors: a copy that missed writes is told, makes the result partial, and is caught up."""

import json
import shutil
import warnings

import pytest

import drkit
import drkit.storage

COST = (1, 8192)


def places(tmp_path):
    return [tmp_path / name for name in ("first", "second", "third")]


def make_tree(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("some bytes" * 100)
    return tree


def check_catching_up(open_mirror, tmp_path, copies):
    with drkit.Repository.create(open_mirror(), password="x", password_cost=COST) as repo:
        assert repo.settle_mirror().ok
        shutil.rmtree(copies[2])
        snapshot = repo.backup(make_tree(tmp_path))
        assert snapshot.status == "complete"
        with pytest.warns(drkit.PartialWarning, match="on copy 3"):
            report = repo.settle_mirror()
    assert not report.ok
    assert report.status_of(snapshot.status) == "partial"
    assert report.status_of("failed") == "failed"
    assert {gap.copy for gap in report.gaps} == {2}
    assert any(gap.key == "" for gap in report.gaps)
    assert json.loads(json.dumps(report.to_dict()))["gaps"][0]["copy"] == 2

    copies[2].mkdir()
    with drkit.Repository.open(open_mirror(), password="x") as repo, warnings.catch_warnings():
        warnings.simplefilter("error")
        healed = repo.settle_mirror()
    assert healed.ok and healed.objects_copied >= 5 and healed.bytes_copied > 500
    assert healed.status_of("complete") == "complete"
    with drkit.Repository.open(copies[2], password="x") as alone:
        alone.restore("latest", tmp_path / "restored")
    assert (tmp_path / "restored" / "file").read_text() == "some bytes" * 100


def test_a_mirror_of_open_storages(tmp_path):
    copies = places(tmp_path)

    def open_mirror():
        opened = [drkit.open_storage(one, create=True, attempts=1) for one in copies]
        storage = drkit.storage.mirror(opened, quorum=2)
        assert storage.info().scheme == "mirror"
        return storage

    check_catching_up(open_mirror, tmp_path, copies)


def test_a_mirror_by_its_address(tmp_path):
    copies = places(tmp_path)
    address = "mirror:quorum=2|" + "|".join(map(str, copies))
    check_catching_up(lambda: drkit.open_storage(address, create=True), tmp_path, copies)
    # An empty place, such as a disk that is not mounted, is filled only by whoever says that it may be made.
    shutil.rmtree(copies[2])
    copies[2].mkdir()
    with drkit.Repository.open(address, password="x") as repo:
        with pytest.warns(drkit.PartialWarning, match="on copy 3"):
            report = repo.settle_mirror()
    assert "has no repository" in report.gaps[0].reason
    assert not list(copies[2].iterdir())


def test_pending_compare_and_heal(tmp_path):
    copies = places(tmp_path)[:2]
    storage = drkit.storage.mirror(copies, quorum=1, create=True)
    assert drkit.storage.pending(storage).ok
    drkit.open_storage(copies[1]).put("a/key", b"bytes")
    drkit.storage.compare(storage)
    gaps = drkit.storage.pending(storage).gaps
    assert gaps == (drkit.storage.MirrorGap("a/key", 0, gaps[0].reason, False),)
    assert drkit.storage.heal(storage) == drkit.storage.MirrorReport((), 1, 5)
    assert drkit.open_storage(copies[0]).get("a/key") == b"bytes"


def test_a_storage_written_in_python_may_be_a_copy(tmp_path):
    class Forgetful(drkit.Storage):
        def __init__(self):
            self.inner = drkit.open_storage("mem:")
            self.full = True

        def info(self):
            return drkit.StorageInfo("own", "own", conditional_create=True)

        def stat(self, key):
            return self.inner.stat(key)

        def get(self, key, offset=0, length=None):
            return self.inner.get(key, offset, length)

        def put(self, key, data, *, if_absent=False):
            if self.full:
                raise drkit.NoSpaceError("full")
            self.inner.put(key, data, if_absent=if_absent)

        def remove(self, key):
            self.inner.remove(key)

        def list(self, prefix=""):
            return self.inner.list(prefix)

    own = Forgetful()
    storage = drkit.storage.mirror([tmp_path / "first", own], quorum=1, create=True)
    storage.put("key", b"x", if_absent=True)
    with pytest.warns(drkit.PartialWarning):
        assert "no_space" in drkit.storage.settle(storage).gaps[0].reason
    own.full = False
    assert drkit.storage.settle(storage).objects_copied == 1
    assert own.get("key") == b"x"


def test_misuse_is_told(tmp_path):
    plain = drkit.open_storage("mem:")
    for call in (drkit.storage.pending, drkit.storage.compare, drkit.storage.heal):
        with pytest.raises(drkit.InvalidArgumentError, match="no mirror"):
            call(plain)
    assert drkit.storage.settle(plain) == drkit.storage.MirrorReport(())
    with pytest.raises(drkit.InvalidArgumentError):
        drkit.storage.mirror([])
    with pytest.raises(drkit.InvalidArgumentError):
        drkit.storage.mirror([plain], quorum=2)
    with drkit.Repository.create(plain, password="x", password_cost=COST) as repo:
        assert repo.settle_mirror().ok
