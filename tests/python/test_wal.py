"""The write-ahead log from Python; what needs a server is tested by tests/wal."""

import pytest

import drkit


def test_a_repository_without_log_recovers_to_nowhere(repo):
    assert drkit.recovery_window(repo) == []
    assert drkit.list_wal(repo) == []
    assert drkit.verify_wal(repo)["problems"] == []


def test_what_is_not_there_is_named(repo, tmp_path):
    with pytest.raises(drkit.Error) as missing:
        drkit.get_wal(repo, "000000010000000000000001", tmp_path / "segment", system_id=7)
    assert missing.value.code == "not_found"
    assert not (tmp_path / "segment").exists()


def test_what_is_no_log_is_refused(repo, tmp_path):
    bogus = tmp_path / "000000010000000000000001"
    bogus.write_bytes(b"no segment" * 1000)
    with pytest.raises(drkit.Error):
        drkit.push_wal(repo, bogus)
    assert drkit.list_wal(repo) == []
