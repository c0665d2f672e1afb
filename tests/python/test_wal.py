"""The write-ahead log from Python; what needs a server is tested by tests/wal."""

import struct

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


def test_a_destination_without_a_folder_is_not_the_end_of_the_log(repo, tmp_path):
    page = bytearray(1 << 20)
    struct.pack_into("<HHIQIIQII", page, 0, 0xD110, 2, 1, 5 << 20, 0, 0, 7, 1 << 20, 8192)
    segment = tmp_path / "000000010000000000000005"
    segment.write_bytes(page)
    assert drkit.push_wal(repo, segment) == "stored"
    with pytest.raises(drkit.Error) as failed:
        drkit.get_wal(repo, segment.name, tmp_path / "absent" / "segment", system_id=7)
    assert failed.value.code == "io"


def test_a_spool_is_a_folder_with_a_limit(repo, tmp_path):
    with pytest.raises(drkit.Error) as failed:
        drkit.receive_wal(repo, "no such = setting", spool=tmp_path / "spool", spool_bytes=1 << 20)
    assert failed.value.code == "invalid_argument"
    with pytest.raises(TypeError):
        drkit.receive_wal(repo, "", spool_bytes=-1)
