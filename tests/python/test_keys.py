"""Passwords, key files, roles; and that secrets are shown nowhere."""

import stat

import pytest

import drkit
from conftest import CHEAP


def test_wrong_password(repo, tmp_path):
    with pytest.raises(drkit.BadKeyError) as caught:
        drkit.Repository.open(tmp_path / "repo", password="wrong battery")
    assert "wrong battery" not in str(caught.value)
    assert caught.value.code == "bad_key"


@pytest.mark.parametrize("form", ["correct horse", b"correct horse", bytearray(b"correct horse"), lambda: "correct horse"])
def test_forms_of_passwords(repo, tmp_path, form):
    with drkit.Repository.open(tmp_path / "repo", password=form) as again:
        assert again.id == repo.id


def test_no_credential_and_no_repository(repo, tmp_path):
    with pytest.raises(drkit.Error):
        drkit.Repository.open(tmp_path / "repo")
    with pytest.raises(drkit.NotFoundError):
        drkit.Repository.open(tmp_path / "nowhere", password="x")
    with pytest.raises(drkit.AlreadyExistsError):
        drkit.Repository.create(tmp_path / "repo", password="x", password_cost=CHEAP)
    with pytest.raises(TypeError):
        drkit.Repository.open(tmp_path / "repo", password=17)


def test_key_files(tmp_path):
    key = drkit.KeyFile.generate()
    key.save(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        key.save(tmp_path / "key")
    secret = (tmp_path / "key").read_text().strip()
    assert secret not in repr(key)
    assert drkit.KeyFile.load(tmp_path / "key").public_key == key.public_key
    drkit.Repository.create(tmp_path / "repo", key_file=key).close()
    with drkit.Repository.open(tmp_path / "repo", key_file=tmp_path / "key") as repo:
        assert [slot.public_key for slot in repo.keys()] == [key.public_key]
    (tmp_path / "no-key").write_text("nothing")
    with pytest.raises(drkit.InvalidArgumentError):
        drkit.KeyFile.load(tmp_path / "no-key")


def test_writers_cannot_read(repo, tree, tmp_path):
    key = drkit.KeyFile.generate()
    slot = repo.add_recipient(key, role="write", label="host")
    assert (slot.role, slot.label, slot.is_password) == ("write", "host", False)
    with drkit.Repository.open(tmp_path / "repo", key_file=key) as writer:
        assert writer.role == "write"
        snapshot = writer.backup(tree)
        assert [one.id for one in writer.snapshots()] == [snapshot.id]
        with pytest.raises(drkit.Error) as caught:
            writer.read(snapshot, "a.txt")
        assert caught.value.code in ("permission_denied", "bad_key")
    assert repo.read(repo.find(snapshot.id), "a.txt") == b"first\n"


def test_adding_removing_rotating(repo, tmp_path):
    added = repo.add_password("second", password_cost=CHEAP)
    drkit.Repository.open(tmp_path / "repo", password="second").close()
    repo.remove_key(added)
    with pytest.raises(drkit.BadKeyError):
        drkit.Repository.open(tmp_path / "repo", password="second")
    (own,) = repo.keys()
    with pytest.raises(drkit.PreconditionFailedError):
        repo.remove_key(own.id)
    repo.add_password("third", password_cost=CHEAP)
    removed = repo.rotate_key(password="correct horse")
    assert len(removed) == 1
    with drkit.Repository.open(tmp_path / "repo", password="correct horse") as again:
        assert len(again.keys()) == 1
    with pytest.raises(drkit.InvalidArgumentError):
        repo.add_password("x", role="king")


def test_rollback_memory_and_limits(tree, tmp_path):
    options = {"password": "x", "cache_dir": tmp_path / "cache", "memory": 64 << 20, "parallel": 1}
    with drkit.Repository.create(tmp_path / "repo", password_cost=CHEAP, **options) as repo:
        repo.backup(tree)
    with drkit.Repository.open(tmp_path / "repo", **options) as repo:
        assert len(repo.snapshots()) == 1
    with pytest.raises(drkit.InvalidArgumentError):
        drkit.Repository.open(tmp_path / "repo", password="x", memory=1000)
