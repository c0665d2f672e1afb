"""A PostgreSQL 15 cluster made for the measurements: pgbench tables and a table of JSON documents."""

import os
import pwd
import time

from measure import Failure

BIN = "/usr/lib/postgresql/15/bin/"
PORT = "54329"

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
port = {port}
wal_level = replica
max_wal_senders = 10
archive_mode = on
archive_command = '/bin/true'
shared_buffers = {buffers}
max_wal_size = 1GB
min_wal_size = 80MB
autovacuum = off
"""

# Half of a document is random, as keys and tokens are; the rest compresses as text does.
DOCUMENTS = """
create table docs (id bigint primary key, body text);
insert into docs
  select n, json_build_object(
      'id', n, 'user', md5(n::text), 'token', md5(random()::text) || md5(random()::text),
      'amount', round((random() * 10000)::numeric, 2), 'at', now() - random() * interval '1000 days',
      'state', (array['open', 'billed', 'sent', 'back', 'void'])[1 + floor(random() * 5)::int],
      'pieces', floor(random() * 40)::int, 'remark', 'number ' || n || ' for client ' || floor(random() * 100000)::int
    )::text
  from generate_series(1, {count}) as n;
checkpoint;
"""


class Cluster:
    """The cluster and its server; stop() may be called at any time."""

    def __init__(self, runner, folder, scale, documents):
        self.runner = runner
        self.data = os.path.join(folder, "pg")
        self.sockets = os.path.join(folder, "sockets")
        self.log = os.path.join(folder, "server", "log")
        self.scale, self.documents = scale, documents
        self.archiving = "/bin/true"
        # The server refuses to run as root; whoever else measures runs it.
        self.owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        owner = pwd.getpwnam(self.owner)
        for path in (self.data, self.sockets, os.path.dirname(self.log)):
            os.mkdir(path, 0o700)
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def as_owner(self, *command):
        """The command as the server's user, with the server's address in the environment."""
        change = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.geteuid() == 0 else []
        return [*change, "env", "HOME=/tmp", f"PGHOST={self.sockets}", f"PGPORT={PORT}", "PGUSER=postgres", *command]

    def tool(self, name, *arguments):
        return self.as_owner(BIN + name, *arguments)

    @property
    def source(self):
        return f"postgres:host={self.sockets} port={PORT} user=postgres dbname=postgres"

    def make(self):
        call = self.runner.call
        call(self.tool("initdb", "-D", self.data, "--data-checksums", "-E", "UTF8", "--locale=C", "-A", "trust", "-U", "postgres"))
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as stream:
            stream.write(SETTINGS.format(sockets=self.sockets, port=PORT, buffers="1GB" if self.scale > 20 else "128MB"))
        self.start()
        call(self.tool("createdb", "bench"))
        call(self.tool("pgbench", "-i", "-q", "-s", str(self.scale), "bench"))
        self.query(DOCUMENTS.format(count=self.documents))
        self.query("alter system set max_wal_size = '256MB'")
        self.query("select pg_reload_conf()")
        # The WAL of loading is more than a cluster keeps in service: each switch and checkpoint takes some away.
        for _ in range(40 if self.scale > 20 else 4):
            self.query("select pg_switch_wal()")
            self.query("checkpoint")

    def adopt(self, data):
        """Takes a copy of the data directory of a stopped server instead of making one; it has a database `bench`."""
        if os.path.exists(os.path.join(data, "postmaster.pid")):
            raise Failure(f"a server runs in {data}")
        self.runner.call(["cp", "-a", os.path.join(data, "."), self.data])
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a", encoding="utf-8") as stream:
            stream.write(SETTINGS.format(sockets=self.sockets, port=PORT, buffers="1GB"))
        self.start()

    def query(self, text):
        return self.runner.call(self.tool("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "bench", "-c", text)).strip()

    def running(self):
        return os.path.exists(os.path.join(self.data, "postmaster.pid"))

    def start(self):
        if not self.running():
            self.runner.call(self.tool("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "300", "start"))

    def stop(self, mode="fast"):
        if self.running():
            self.runner.call(self.tool("pg_ctl", "-D", self.data, "-w", "-t", "300", "-m", mode, "stop"))

    def archive_with(self, command):
        """Sets archive_command: each tool's run archives as that tool needs it, and for no other."""
        if command == self.archiving:
            return
        self.query("alter system set archive_command = '" + command.replace("'", "''") + "'")
        self.query("select pg_reload_conf()")
        self.archiving = command
        time.sleep(0.5)

    def settle(self):
        """Waits until every finished segment is archived, then flushes."""
        folder = os.path.join(self.data, "pg_wal", "archive_status")
        end = time.monotonic() + 300
        while any(name.endswith(".ready") for name in os.listdir(folder)):
            if time.monotonic() > end:
                raise Failure("the server does not get its WAL archived")
            time.sleep(0.1)
        self.query("checkpoint")

    def transactions(self, count):
        each = max(1, count // 4)
        self.runner.call(self.tool("pgbench", "-n", "-c", "4", "-j", "2", "-t", str(each), "bench"))
