"""The main job from Python."""

import datetime
import json
import os
import threading
import time

import pytest

import drkit
from conftest import BIG, CHEAP, tree_of


def test_round_trip(repo, tree, tmp_path):
    snapshot = repo.backup(tree, tags={"env": "test"})
    assert snapshot.status == "complete"
    assert snapshot.tags == {"env": "test"}
    assert snapshot.stats.files == 3
    result = repo.restore(snapshot, tmp_path / "out")
    assert result.status == "complete"
    assert tree_of(tmp_path / "out") == tree_of(tree)


def test_snapshot_is_a_frozen_value(repo, tree):
    before = datetime.datetime.now(datetime.timezone.utc)
    snapshot = repo.backup(f"file://{tree}", host="host.example")
    assert len(snapshot.id) == 32
    assert snapshot.host == "host.example"
    assert snapshot.source_kind == "filesystem"
    assert before - datetime.timedelta(seconds=1) <= snapshot.time <= before + datetime.timedelta(minutes=5)
    assert snapshot.time.utcoffset() == datetime.timedelta(0)
    assert snapshot.problems == []
    assert snapshot.receipt == {} or all(isinstance(key, str) for key in snapshot.receipt)
    with pytest.raises(AttributeError):
        snapshot.id = "other"
    assert snapshot == repo.find(snapshot.id)
    assert hash(snapshot) == hash(repo.find("latest"))
    assert snapshot.id in repr(snapshot)
    assert snapshot.id[:8] in snapshot._repr_html_()


def test_everything_goes_to_json(repo, tree, tmp_path):
    snapshot = repo.backup(tree)
    report = repo.check(snapshot, level="chunks")
    result = repo.restore(snapshot, tmp_path / "out")
    plan = repo.plan_restore(snapshot, tmp_path / "other")
    values = [snapshot, snapshot.stats, report, result, result.stats, plan, *repo.ls(snapshot)]
    for value in values:
        assert json.loads(json.dumps(value.to_dict())) == value.to_dict()
    assert snapshot.to_dict()["id"] == snapshot.id


def test_second_backup_reads_nothing(repo, tree):
    time.sleep(0.3)  # a file that changed a moment ago is read again, for it may change once more unseen
    repo.backup(tree)
    again = repo.backup(tree)
    assert again.stats.files_unchanged == 3
    assert again.stats.bytes_read == 0
    whole = repo.backup(tree, parent="none")
    assert whole.stats.files_unchanged == 0
    assert whole.stats.bytes_new == 0


def test_listing_finding_forgetting(repo, tree):
    first = repo.backup(tree, tags={"n": "1"})
    second = repo.backup(tree, tags={"n": "2"})
    assert repo.snapshots() == [first, second]
    assert repo.snapshots(tags={"n": "2"}) == [second]
    assert repo.snapshots(source="nobody") == []
    assert repo.find(first.id[:12]) == first
    repo.forget(first)
    assert repo.snapshots() == [second]
    with pytest.raises(drkit.NotFoundError) as caught:
        repo.find(first.id)
    assert caught.value.code == "not_found"
    assert not caught.value.retryable


def test_a_damaged_snapshot_hides_no_other(repo, tree, tmp_path):
    first = repo.backup(tree)
    second = repo.backup(tree)
    path = next(place for place in tmp_path.rglob(second.id) if place.parent.name == "snapshots")
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    with pytest.raises(drkit.CorruptError):
        repo.snapshots()
    seen = {}
    assert repo.snapshots(on_damaged=seen.__setitem__) == [first]
    assert list(seen) == [second.id]
    assert isinstance(seen[second.id], drkit.CorruptError)
    with pytest.raises(drkit.CorruptError):
        repo.find("latest")
    repo.forget(second.id)
    assert repo.find("latest") == first


def test_looking_into_snapshots(repo, tree):
    first = repo.backup(tree)
    entries = {entry.path: entry for entry in repo.ls(first)}
    assert entries["link"].type == "symlink"
    assert entries["link"].link_target == "a.txt"
    assert entries["a.txt"].size == 6
    assert len(entries["a.txt"].sha256) == 64
    assert entries["sub"].sha256 is None
    assert os.fsencode("not-utf8-\udcff") in [os.fsencode(path) for path in entries]
    assert [entry.path for entry in repo.ls(first, "sub")] == ["sub", "sub/big.bin"]
    assert repo.read(first, "a.txt") == b"first\n"
    assert repo.read(first, os.fsdecode(b"not-utf8-\xff")) == b"odd"
    with pytest.raises(drkit.NotFoundError):
        repo.read(first, "nowhere")
    (tree / "a.txt").write_text("second, longer\n")
    (tree / "new").write_text("new")
    (tree / "link").unlink()
    second = repo.backup(tree)
    changes = {entry.path: change for change, entry in repo.diff(first, second)}
    assert {path: changes[path] for path in ("a.txt", "new", "link")} == {
        "a.txt": "modified",
        "new": "added",
        "link": "removed",
    }


def test_reading_a_file_as_a_file(repo, tree):
    snapshot = repo.backup(tree)
    with repo.open_file(snapshot, "sub/big.bin") as file:
        assert file.read(10) == BIG[:10]
        assert file.read() == BIG[10:]
        assert file.read() == b""
    unfinished = repo.open_file(snapshot, "sub/big.bin")
    assert unfinished.read(1) == BIG[:1]
    unfinished.close()
    unfinished.close()


def test_dropping_an_iterator_in_the_middle(repo, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(3000):
        (many / f"f{number:05}").touch()
    snapshot = repo.backup(many)
    iterator = repo.ls(snapshot)
    assert next(iterator).path == ""
    iterator.close()
    assert len(list(repo.ls(snapshot))) == 3001
    assert list(iterator)[-1:] != ["f02999"]


def test_plan_then_apply(repo, tree, tmp_path):
    snapshot = repo.backup(tree)
    plan = repo.plan_restore(snapshot, tmp_path / "out", include=["sub/**", "sub"])
    assert plan.stats.files == 1
    assert not (tmp_path / "out").exists()
    assert plan.apply().stats.files == 1
    assert (tmp_path / "out/sub/big.bin").exists()
    assert not (tmp_path / "out/a.txt").exists()


def test_restore_refuses_a_full_place_unless_delta(repo, tree, tmp_path):
    snapshot = repo.backup(tree)
    repo.restore(snapshot, tmp_path / "out")
    with pytest.raises(drkit.PreconditionFailedError):
        repo.restore(snapshot, tmp_path / "out")
    (tmp_path / "out/a.txt").write_text("damaged")
    again = repo.restore("latest", tmp_path / "out", delta=True)
    assert again.stats.bytes_written <= 100
    assert tree_of(tmp_path / "out") == tree_of(tree)


def test_excludes(repo, tree):
    snapshot = repo.backup(tree, exclude=["*.bin"])
    assert "sub/big.bin" not in [entry.path for entry in repo.ls(snapshot)]


def test_report(repo, tree, tmp_path):
    repo.backup(tree)
    report = repo.check(level="files")
    assert report.ok
    assert report.findings == []
    assert report.level == "files"
    assert "<html" in report.to_html()
    assert "<testsuite" in report.to_junit()
    assert report._repr_html_()
    packs = [path for path in (tmp_path / "repo").rglob("*") if path.is_file() and path.stat().st_size > 100_000]
    packs[0].chmod(0o600)
    with packs[0].open("r+b") as file:
        file.seek(5000)
        file.write(b"X" * 10)
    damaged = repo.check()
    assert not damaged.ok
    assert damaged.findings[0].severity == "damage"
    assert damaged.findings[0].subject
    assert not drkit.check_objects(tmp_path / "repo").ok
    with pytest.raises(drkit.InvalidArgumentError):
        repo.check(level="everything")


def test_report_says_what_was_looked_at(repo, tree, tmp_path):
    snapshot = repo.backup(tree)
    report = repo.check(level="files")
    assert report.status == "complete"
    assert [(one.id, one.level, one.entries_missing) for one in report.snapshots] == [(snapshot.id, "files", 0)]
    assert report.not_looked_at == []
    assert report.storage == f"file://{tmp_path / 'repo'}"
    assert repo.check(sample=30).sample_percent == 30
    without_key = drkit.check_objects(tmp_path / "repo")
    assert without_key.ok
    assert without_key.repository_id == report.repository_id
    assert any("without a key" in line for line in without_key.not_looked_at)
    pack = next(path for path in (tmp_path / "repo/data").rglob("*") if path.is_file())
    pack.unlink()
    lost = repo.check()
    assert lost.status == "damaged"
    assert [one.snapshots for one in lost.findings if pack.name in one.subject] == [[snapshot.id]]


def test_what_cannot_be_looked_at_is_refused(repo, tree):
    repo.backup(tree)
    for name in ("latest", None):
        with pytest.raises(drkit.InvalidArgumentError) as refused:
            repo.check(name, level="boot")
        assert refused.value.context["highest"] == "files"
    for options in ({"sql": ["SELECT 1"]}, {"server_bin": "/bin"}, {"scratch_dir": "/tmp"}, {"sample": 0}):
        with pytest.raises(drkit.InvalidArgumentError):
            repo.check(level="files", **options)


def test_partial(repo, tmp_path):
    class Holes(drkit.Source):
        kind = "holes"
        name = "holes"
        ordered = True
        entry_errors_are_partial = True

        def entries(self):
            yield drkit.Entry("", "directory")
            yield drkit.Entry("gone", problem=drkit.Problem("gone", "permission_denied", "may not look"))

    with pytest.warns(drkit.PartialWarning, match="1 entries"):
        snapshot = repo.backup(Holes())
    assert snapshot.status == "partial"
    assert [(one.path, one.code, one.message) for one in snapshot.problems] == [
        ("gone", "permission_denied", "may not look")
    ]
    with pytest.warns(drkit.PartialWarning):
        result = repo.restore(snapshot, tmp_path / "out")
    assert result.status == "partial"
    for level in ("objects", "chunks", "files"):
        report = repo.check(level=level)
        assert (report.ok, report.status) == (False, "partial")
        assert [one.entries_missing for one in report.snapshots] == [1]


def test_progress_and_log(repo, tree):
    events = []
    repo.backup(tree, progress=events.append, log=lambda level, line: None)
    assert events[-1].phase == "backup"
    assert events[-1].bytes_done > 0
    assert str(events[-1]).startswith("backup: ")


def test_progress_cancels(repo, tree):
    with pytest.raises(drkit.CancelledError):
        repo.backup(tree, progress=lambda event: False)

    class Mine(Exception):
        pass

    def broken(event):
        raise Mine("from the hook")

    with pytest.raises(Mine, match="from the hook"):
        repo.backup(tree, progress=broken)
    assert repo.snapshots() == []


def test_many_threads_on_one_repository(repo, tmp_path):
    problems = []

    def work(number):
        try:
            root = tmp_path / f"t{number}"
            root.mkdir()
            (root / "file").write_bytes(bytes([number]) * 200_000)
            snapshot = repo.backup(root)
            assert repo.read(snapshot, "file") == bytes([number]) * 200_000
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(repo.snapshots()) == 4


def test_closed(tmp_path):
    repo = drkit.Repository.create("mem:", password="x", password_cost=CHEAP)
    with repo:
        assert repo.role == "full"
    repo.close()
    assert "closed" in repr(repo)
    with pytest.raises(drkit.PreconditionFailedError):
        repo.snapshots()
