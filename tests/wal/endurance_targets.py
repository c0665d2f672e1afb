"""A long run of recoveries: random targets of every kind over a recorded history with forks."""
import collections
import hashlib
import shutil

from cluster import wait_for
from endurance_life import Life, keep

# One committed transaction of the history: what the server said after it, and what the table held then.
Moment = collections.namedtuple("Moment", "timeline number xid lsn time name digest")
Target = collections.namedtuple("Target", "kind words moment snapshot_lsn")


def digest_of(table):
    text = ",".join(f"{key}:{value}" for key, value in sorted(table.items()))
    return hashlib.md5(text.encode()).hexdigest()


class History(Life):
    """Three timelines, each forked from a random moment of the one before; load beside the recorded changes."""

    def record(self, options, seed):
        self.begin(options, seed, "archive_mode=off")
        self.server.make_bench_tables()
        self.server.sql("create table state (id int primary key, value int)")
        self.moments = []
        self.table = {}
        self.backups = {}
        server = self.server
        for timeline in (1, 2, 3):
            first = len(self.moments)
            self.write_timeline(server, timeline)
            own = [moment for moment in self.moments[first:] if moment.number > options.transactions // 3]
            server.stop("fast")
            if timeline < 3:
                server = self.fork(server, self.chance.choice(own))
        self.assertEqual(self.json("wal", "verify", self.repo)["problems"], [])

    def write_timeline(self, server, timeline):
        self.start_receiver_of(server, timeline)
        if timeline != 2:
            # The second timeline is reached from a snapshot of the first one for half of its length.
            self.back_up(server, timeline)
        load = server.bench(3600)
        try:
            for number in range(1, self.options.transactions + 1):
                if number == self.options.transactions // 2:
                    self.back_up(server, timeline)
                self.write_one(server, timeline, number)
                if self.chance.random() < 0.03:
                    server.sql("select pg_switch_wal()")
            # Recovery stops at a time before something later only when there is something later.
            server.sql("insert into nothing default values", "select pg_create_restore_point('the end')")
        finally:
            load.kill()
            load.wait()
        position = server.sql("select pg_current_wal_lsn()")
        wait_for("the receiver", lambda: self.receiver_lives() and server.sql(
            f"select 1 from pg_stat_replication where flush_lsn >= '{position}'"))
        self.stop_receiver(2)

    def start_receiver_of(self, server, timeline):
        self.start_receiver("--store-every", "100", cluster=server, slot=f"drk{timeline}")
        wait_for("the receiver", lambda: self.receiver_lives() and server.sql(
            "select 1 from pg_stat_replication where state = 'streaming'"))

    def back_up(self, server, timeline):
        snapshot = self.backup(server)["id"]
        self.backups[snapshot] = (timeline, len([m for m in self.moments if m.timeline == timeline]))

    def write_one(self, server, timeline, number):
        key = self.chance.randrange(60)
        text = "begin;\n"
        if key in self.table and self.chance.random() < 0.3:
            del self.table[key]
            text += f"delete from state where id = {key};\n"
        else:
            self.table[key] = value = self.chance.randrange(1000000)
            text += f"insert into state values ({key}, {value}) on conflict (id) do update set value = {value};\n"
        if self.chance.random() < 0.2:
            # What is rolled back ends a transaction, too, and must not stop or change anything.
            text += "savepoint here; delete from state; rollback to here;\n"
        name = f"t{timeline} n{number}"
        text += ("select pg_current_xact_id();\ncommit;\n"
                 "select pg_current_wal_insert_lsn(), clock_timestamp();\n"
                 f"select pg_create_restore_point('{name}');\n")
        if self.chance.random() < 0.1:
            text += "begin; delete from state; rollback;\n"
        rows = server.script(text)
        self.moments.append(Moment(timeline, number, rows[0][0], rows[1][0], rows[1][1], name, digest_of(self.table)))

    def fork(self, server, moment):
        fork, document = self.pitr(server, "--name", moment.name)
        self.assertTrue(document["reached"]["finished"], document)
        self.assertEqual(self.digest_in(fork), moment.digest)
        rows = fork.script("select id, value from state;")
        self.table = {int(key): int(value) for key, value in rows}
        # The moments behind the fork belong to the old timeline alone.
        self.forks = {**getattr(self, "forks", {}), moment.timeline: moment.number}
        return fork

    def digest_in(self, cluster):
        return cluster.sql("select md5(coalesce(string_agg(id || ':' || value, ',' order by id), '')) from state")

    def first_reachable(self, timeline):
        """The number of the first moment of a timeline behind the end of a backup that leads there."""
        own = [number for of, number in self.backups.values() if of == timeline]
        return min(own) + 1 if timeline == 1 else 1

    def choose(self):
        """A random target, how it is written, and the moment whose state it must bring back."""
        by_timeline = {t: [m for m in self.moments if m.timeline == t] for t in (1, 2, 3)}
        timeline = self.chance.choice((1, 2, 3))
        own = by_timeline[timeline]
        at = self.chance.randrange(self.first_reachable(timeline), len(own))
        moment, before = own[at], own[at - 1]
        kind = self.chance.choice(("time", "lsn", "xid", "xid exclusive", "name", "latest"))
        words = {"time": ("--time", moment.time), "lsn": ("--lsn", moment.lsn), "xid": ("--xid", moment.xid),
                 "xid exclusive": ("--xid", moment.xid, "--exclusive"), "name": ("--name", moment.name),
                 "latest": ("--latest",)}[kind]
        if kind == "latest":
            moment = own[-1]
        if kind == "xid exclusive":
            moment = before
        if timeline == 3 and self.chance.random() < 0.5:
            return kind, words, moment  # the newest one need not be said
        return kind, (*words, "--timeline", str(timeline)), moment

    def check(self, number):
        kind, words, moment = self.choose()
        recovered, document = self.pitr(self.server, *words)
        found = self.digest_in(recovered)
        recovered.stop("immediate")
        good = document["reached"]["finished"] and found == moment.digest
        if not good:
            self.options.say(f"target {number}, {kind} {words}: not the state of {moment}: {document}")
        shutil.rmtree(recovered.folder / "data")
        return kind, good


def run_targets(options):
    life = History()
    kinds = collections.Counter()
    failed = 0
    try:
        life.record(options, options.seed)
        options.say(f"{len(life.moments)} moments on 3 timelines, {len(life.backups)} backups, forks {life.forks}")
        for number in range(1, options.targets + 1):
            kind, good = life.check(number)
            kinds[kind] += 1
            failed += not good
            if number % 10 == 0:
                options.say(f"{number} targets, {failed} wrong")
    except BaseException:
        if options.keep:
            keep(life, options.keep)
        raise
    finally:
        life.doCleanups()
    return {"targets": options.targets, "wrong": failed, "kinds": dict(kinds), "passed": failed == 0}
