"""The log and recovery from Python, against a real server."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone

import pytest

import drkit

SERVERS = pathlib.Path(__file__).parents[1] / "servers"
BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
CHEAP = (1, 8192)


def give(path):
    """To the account that servers run as, when this is root."""
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(path, account.pw_uid, account.pw_gid)


@pytest.fixture
def place():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="drkit-py-"))
    folder.chmod(0o755)
    yield folder
    for server in ("server", "copy"):
        subprocess.run([SERVERS / "postgres.sh", "stop", folder / server, "immediate"], check=False)
    shutil.rmtree(folder, ignore_errors=True)


class Server:
    def __init__(self, folder):
        self.folder = folder

    @property
    def conninfo(self):
        return (self.folder / "conninfo").read_text().strip()

    def sql(self, statement):
        words = [BIN / "psql", "-qAtX", "-d", self.conninfo, "-c", statement]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def server(place):
    # Nothing is archived, so that every full file stays marked as ready for the test.
    subprocess.run(
        [SERVERS / "postgres.sh", "start", place / "server", "archive_mode=on", "archive_command=false"], check=True
    )
    return Server(place / "server")


@pytest.fixture
def archive(place):
    with drkit.Repository.create(place / "repo", password="correct horse", password_cost=CHEAP) as opened:
        yield opened


def ready(server):
    names = sorted(path.stem for path in (server.folder / "data/pg_wal/archive_status").glob("*.ready"))
    return [server.folder / "data/pg_wal" / name for name in names]


def test_from_log_to_a_recovered_server(place, server, archive):
    server.sql("create table history as select 1 as id")
    snapshot = archive.backup("postgres:" + server.conninfo)
    assert snapshot.receipt["mode"] in ("local", "stream")
    server.sql("insert into history values (2)")
    server.sql("select pg_create_restore_point('after two')")
    middle = server.sql("select pg_current_wal_lsn()")
    server.sql("select pg_switch_wal()")
    server.sql("insert into history values (3)")
    server.sql("select pg_switch_wal()")

    # Pushed side by side: the call for the second file finds it done.
    files = [path for path in ready(server) if len(path.name) == 24]
    assert len(files) >= 3
    assert drkit.push_wal(archive, files[0], spool=place / "pushed", batch=len(files)) in ("stored", "was_there")
    stored = {f"{one.timeline:08X}{one.start_lsn >> 32:08X}{(one.start_lsn & 0xFFFFFFFF) >> 24:08X}"
              for one in drkit.list_wal(archive) if one.kind == "segment"}
    assert {path.name for path in files} <= stored
    assert drkit.push_wal(archive, files[1], spool=place / "pushed") == "was_there"
    with pytest.raises(drkit.InvalidArgumentError):
        drkit.push_wal(archive, files[0], batch=2)

    # The rest as it is written, safe in a spool first.
    server.sql("insert into history values (4)")
    end = server.sql("select pg_current_wal_lsn()")
    received = drkit.receive_wal(
        archive, server.conninfo, slot="drkit_py", durable="spool", spool=place / "received", store_every=0.05,
        store_bytes=0, name="from_python", until_lsn=end,
    )
    assert drkit.lsn_text(received["stored_lsn"]) >= end and received["gaps"] == 0
    assert received["connections"] == 1
    assert server.sql("select count(*) from pg_replication_slots where slot_name = 'drkit_py'") == "1"

    (window,) = drkit.recovery_window(archive)
    assert window.snapshot == snapshot.id and window.ended_by == "end of log"
    assert window.start_lsn_text == drkit.lsn_text(window.start_lsn) == snapshot.receipt["end_lsn"]
    assert window.end_lsn_text >= end
    assert snapshot.time - timedelta(minutes=1) < window.start_time <= window.end_time
    assert window.end_time < datetime.now(timezone.utc) + timedelta(minutes=1)
    assert window.to_dict()["system_id"] == int(snapshot.receipt["system_id"])
    assert window.end_lsn_text in window._repr_html_()

    with pytest.raises(drkit.NotFoundError):
        drkit.plan_pitr(archive, time=datetime.now(timezone.utc) + timedelta(days=1))
    for wrong in ({}, {"latest": True, "xid": 7}, {"lsn": "nonsense"}, {"time": datetime.now()}):
        with pytest.raises(drkit.InvalidArgumentError):
            drkit.plan_pitr(archive, **wrong)
    latest = drkit.plan_pitr(archive, latest=True)
    assert latest.log_was_read and latest.timelines == []
    assert not drkit.plan_pitr(archive, latest=True, read_log=False).log_was_read
    assert {line["proof"] for line in drkit.verify_wal(archive, read=True)["windows"]} == {"content"}
    assert latest.ended_by == "end of log" and latest.stop_lsn_text >= end and latest.stop_time is not None
    by_time = drkit.plan_pitr(archive, time=latest.stop_time - timedelta(milliseconds=1))
    assert by_time.stop_lsn < latest.stop_lsn
    assert drkit.plan_pitr(archive, lsn=middle).snapshot.id == snapshot.id
    plan = drkit.plan_pitr(archive, name="after two", snapshot=snapshot)
    assert plan.start_lsn < plan.stop_lsn <= latest.stop_lsn
    assert plan.to_dict()["stop_lsn_text"] == plan.stop_lsn_text
    assert plan.stop_lsn_text in repr(plan) and plan.stop_lsn_text in plan._repr_html_()

    # What the server will ask for, fetched ahead.
    wal = place / "wal"
    wal.mkdir()
    for path in files:
        drkit.get_wal(archive, path.name, wal / path.name, spool=place / "fetched", prefetch=2,
                      system_id=plan.system_id)
        assert (wal / path.name).read_bytes() == path.read_bytes()
        give(wal / path.name)
    copy = place / "copy"
    copy.mkdir()
    give(copy)
    for name in ("bin", "lib"):
        shutil.copy(server.folder / name, copy / name)
    script = f". {SERVERS}/common.sh; free_port"
    port = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    (copy / "conninfo").write_text(f"host={copy} port={port} user=drkit dbname=postgres\n")
    reached = plan.apply(
        copy / "data", f"cp {wal}/%f %p", bin_dir=BIN,
        server_options=f"-p {port} -k {copy} -c archive_mode=off", timeout=120,
    )
    assert reached.finished, reached.message
    assert "archive_mode = 'off'" in (copy / "data/postgresql.auto.conf").read_text()
    assert reached.timeline == 2 and reached.lsn_text == plan.stop_lsn_text
    assert Server(copy).sql("select string_agg(id::text, ',' order by id) from history") == "1,2"
    assert reached.to_dict()["lsn_text"] == reached.lsn_text


def test_dumps_of_chosen_databases(place, server, archive):
    for name in ("one", "two"):
        server.sql(f"create database {name}")
    snapshot = archive.backup("postgres:" + server.conninfo, what="dump", databases=["one"], bin_dir=BIN)
    assert snapshot.receipt["databases"] == "one"
    server.sql("drop database one")
    archive.restore(snapshot, "postgres:" + server.conninfo, bin_dir=BIN, jobs=1, no_tablespaces=True)
    assert server.sql("select count(*) from pg_database where datname = 'one'") == "1"
    with pytest.raises(drkit.InvalidArgumentError, match="PGPASSWORD"):
        archive.backup("postgres:" + server.conninfo + " password=hush")
    with pytest.raises(drkit.InvalidArgumentError, match="bogus"):
        archive.backup("postgres:" + server.conninfo + " bogus=1")
    with pytest.raises(drkit.InvalidArgumentError, match="password"):
        drkit.receive_wal(archive, server.conninfo + " password=hush")
