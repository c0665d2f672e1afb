"""Storage options and the probe."""

import datetime
import dataclasses
import hashlib
import json

import pytest

import drkit
import drkit.storage


def test_a_probe_says_what_a_storage_does(tmp_path):
    report = drkit.storage.probe(tmp_path / "place", object_bytes=100_000, small_objects=4)
    assert report.safe and report.verdict in ("ok", "degraded")
    assert {"conditional_race", "half_written", "upload", "cleanup"} <= {one.id for one in report.items}
    values = json.loads(json.dumps(report.to_dict()))
    assert values["items"][0]["verdict"] == "ok"
    assert "conditional_race" in report._repr_html_()
    assert not list(drkit.open_storage(tmp_path / "place").list())
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.safe = False


def test_a_probe_of_a_storage_written_in_python_finds_what_it_ignores():
    class Ignoring(drkit.Storage):
        def __init__(self):
            self.inner = drkit.open_storage("mem:")

        def info(self):
            return drkit.StorageInfo("own", "own", conditional_create=True)

        def stat(self, key):
            return self.inner.stat(key)

        def get(self, key, offset=0, length=None):
            return self.inner.get(key, offset, length)

        def put(self, key, data, *, if_absent=False):
            self.inner.put(key, data)

        def remove(self, key):
            self.inner.remove(key)

        def list(self, prefix=""):
            return self.inner.list(prefix)

    report = drkit.storage.probe(Ignoring(), object_bytes=1000, small_objects=1)
    assert not report.safe
    assert report.summary.startswith("not safe for a repository")
    with pytest.raises(TypeError):
        drkit.storage.probe(Ignoring(), user="x")


def test_credentials_reach_the_storage_and_appear_nowhere(tmp_path):
    with pytest.raises(drkit.UnsupportedError, match="proxy"):
        drkit.open_storage("sftp://host/dir", user="me", proxy="http://proxy:1")
    with pytest.raises(drkit.InvalidArgumentError, match="user"):
        drkit.open_storage("sftp://127.0.0.1:1/dir")
    with pytest.raises(drkit.UnavailableError) as refused:
        drkit.Repository.open(
            "sftp://127.0.0.1:1/dir",
            password="x",
            storage_user="me",
            storage_password="open sesame",
            storage_key_file=tmp_path / "key",
        )
    assert "sesame" not in str(refused.value) + repr(refused.value) + str(refused.value.context)
    with pytest.raises(drkit.InvalidArgumentError):
        drkit.Repository.open(drkit.open_storage("mem:"), password="x", storage_user="me")


def test_only_object_lock_can_retain(tmp_path):
    with pytest.raises(drkit.UnsupportedError):
        drkit.storage.retain(str(tmp_path), legal_hold=True)
    with pytest.raises(drkit.InvalidArgumentError):
        drkit.storage.retain("s3://bucket/prefix")
    with pytest.raises(drkit.InvalidArgumentError, match="ahead"):
        drkit.storage.retain("s3://bucket/prefix", until=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))
    with pytest.raises(ValueError, match="time zone"):
        drkit.storage.retain("s3://bucket/prefix", until=datetime.datetime(2020, 1, 1))
    report = drkit.storage.RetainReport(2, 10, (("data/a", "permission_denied: no"),))
    assert not report.ok
    assert report.to_dict() == {"objects": 2, "bytes": 10, "failures": [["data/a", "permission_denied: no"]]}


def test_what_goes_around_a_storage_is_asked_for_by_options(tmp_path):
    key = hashlib.sha256(b"bytes").hexdigest()
    plain = drkit.open_storage(tmp_path / "place", create=True)
    plain.put(key, b"bytes")
    reader = drkit.open_storage(
        tmp_path / "place", read_only=True, concurrency=1, cache_directory=tmp_path / "cache", cache_bytes=1 << 20
    )
    with pytest.raises(drkit.PermissionDeniedError):
        reader.put("key", b"bytes")
    with pytest.raises(drkit.PermissionDeniedError):
        reader.remove(key)
    assert reader.get(key) == b"bytes"
    plain.remove(key)
    # The cache proves by the name that these are the bytes.
    assert reader.get(key) == b"bytes"
    with pytest.raises(drkit.InvalidArgumentError):
        drkit.open_storage(tmp_path / "new", create=True, read_only=True)
