"""Long runs that kill the receiver, the primary or both, and lose the primary's disk in the end."""
import shutil
import statistics
import time

from cluster import wait_for
from endurance_life import READY_SECONDS, Heartbeat, Life, keep

VICTIMS = ("receiver", "primary", "both")


class Killing(Life):
    """Many kills in the life of one cluster; the last one takes the primary and its disk."""

    def live(self, options, seed, kills):
        self.begin(options, seed, "track_commit_timestamp=on")
        self.backup(self.server)
        self.words = self.receiver_words()
        self.start_receiver(*self.words)
        self.make_synchronous()
        self.start_writers()
        self.wait_for_commits("the first commits")
        for _ in range(kills - 1):
            self.kill_and_go_on()
        self.wait_a_moment()
        return self.lose_everything()

    def wait_a_moment(self):
        """Often before anything has settled, sometimes long after."""
        time.sleep(self.chance.random() ** 2 * self.options.longest)

    def kill_and_go_on(self):
        self.wait_a_moment()
        victim = self.chance.choice(VICTIMS)
        if victim != "receiver":
            self.primary.kill()
        if victim != "primary":
            self.stop_receiver()
        time.sleep(self.chance.random() * 0.2)
        if victim != "receiver":
            self.primary.start()
        if victim != "primary":
            self.start_receiver(*self.words)
        if self.chance.random() < 0.7:
            self.wait_for_commits(f"commits after a kill of {victim}")

    def receiver_words(self):
        raise NotImplementedError

    def make_synchronous(self):
        """Nothing: commits do not wait."""

    def lose_everything(self):
        lost_at = self.primary.kill()
        self.stop_receiver()
        writers = self.end_writers()
        self.rescue_spool()
        shutil.rmtree(self.server.folder / "data")
        self.assertEqual(self.json("wal", "verify", self.repo)["problems"], [])
        recovered = self.recover()
        result = self.compare(recovered, writers, lost_at)
        recovered.stop("immediate")
        return result

    def rescue_spool(self):
        """Nothing: there is none."""

    def compare(self, recovered, writers, lost_at):
        raise NotImplementedError


class Synchronous(Killing):
    """Commits return when their log is where the receiver says it is durable. Nothing acknowledged may be lost."""

    def receiver_words(self):
        if self.options.durable == "storage":
            return ["--synchronous"]
        return ["--durable", "spool", "--spool", self.spool, "--store-every", "2000"]

    def make_synchronous(self):
        self.server.sql("alter system set synchronous_standby_names = 'drkit'", "select pg_reload_conf()")

    # The spool is another machine's disk, which outlives the primary's; a receiver that finds it stores what it holds.
    def rescue_spool(self):
        if self.options.durable == "spool":
            self.run_drkit("wal", "receive", self.repo, self.server.conninfo, *self.words, "--once", code=1)

    def compare(self, recovered, writers, lost_at):
        rows = self.rows_of(recovered)
        lost = []
        for writer in writers:
            found = rows.get(writer.number, [])
            self.assertEqual(len(found), len(set(found)), "a row came twice")
            self.assertLessEqual(max(found, default=0), writer.sent, "a row that nobody wrote")
            lost += [(writer.number, row) for row in writer.noted() if row not in set(found)]
        return {"acknowledged": sum(len(writer.noted()) for writer in writers), "lost": len(lost), "which": lost[:5]}


class Asynchronous(Killing):
    """Commits wait for nobody; the repository may be behind by as much as the receiver stores at a time. Whenever the
    primary dies it is measured how much would be gone if its disk had died, too."""

    def receiver_words(self):
        return []

    def live(self, options, seed, kills):
        self.measured = []
        self.disturbed = 0
        self.heartbeat = Heartbeat()
        return super().live(options, seed, kills)

    def kill_and_go_on(self):
        if self.chance.random() < 0.3:
            self.stop_receiver()
            time.sleep(self.chance.random() * 0.5)
            self.start_receiver(*self.words)
        self.catch_up()
        self.wait_a_moment()
        order = self.chance.choice(("primary", "primary, receiver", "receiver, primary"))
        if order.startswith("receiver"):
            self.stop_receiver()
        lost_at = self.primary.kill()
        if order.endswith("receiver"):
            self.stop_receiver()
        self.measure(lost_at)
        self.primary.start()
        if self.receiver is None:
            self.start_receiver(*self.words)

    def wait_a_moment(self):
        self.catch_up()
        time.sleep(self.chance.random() * self.options.longest)

    # A receiver that was away has first to fetch what it missed.
    def catch_up(self):
        self.wait_for_commits()
        position = self.server.sql("select pg_current_wal_lsn()")
        wait_for("the receiver", lambda: self.receiver_lives() and self.server.sql(
            f"select 1 from pg_stat_replication where flush_lsn >= '{position}'"), READY_SECONDS)

    # From the last transaction in the repository to the primary's end: that is as much as can be missing.
    def measure(self, lost_at):
        stored = self.json("pitr", self.repo, "--plan", "--latest", "--unread")["plan"]["stop_time_ns"] / 1e9
        last = max(max(writer.noted().values()) for writer in self.writers)
        self.note(lost_at - stored if last > stored else 0.0)

    def note(self, seconds):
        if self.heartbeat.is_calm(10):
            self.measured.append(round(seconds, 3))
        else:
            self.disturbed += 1

    def compare(self, recovered, writers, lost_at):
        rows = self.rows_of(recovered)
        missing = []
        for writer in writers:
            found = set(rows.get(writer.number, []))
            missing += [when for row, when in writer.noted().items() if row not in found]
        self.note(lost_at - min(missing) if missing else 0.0)
        return {"acknowledged": sum(len(writer.noted()) for writer in writers), "lost": len(missing),
                "lost_seconds": self.measured, "disturbed": self.disturbed}


def run_kills(kind, options):
    """Lives until the kills are used up; the totals."""
    results = []
    left = options.kills
    while left > 0:
        kills = min(left, options.kills_per_life)
        life = kind()
        try:
            result = life.live(options, options.seed * 1000 + len(results), kills)
        except BaseException:
            options.say(f"life {len(results) + 1} (seed {options.seed}) failed")
            if options.keep:
                keep(life, options.keep)
            raise
        finally:
            life.doCleanups()
        left -= kills
        results.append(result)
        options.say(f"life {len(results)}: {kills} kills, {result}; {left} left")
    total = {"kills": options.kills, "lives": len(results),
             "acknowledged": sum(result["acknowledged"] for result in results),
             "lost": sum(result["lost"] for result in results)}
    if kind is Asynchronous:
        seconds = [each for result in results for each in result["lost_seconds"]]
        total["disturbed"] = sum(result["disturbed"] for result in results)
        total["lost_seconds"] = {"measured": len(seconds), "most": max(seconds), "median": statistics.median(seconds),
                                 "most_of_95_percent": sorted(seconds)[len(seconds) * 95 // 100]}
        total["passed"] = max(seconds) <= 1.0
    else:
        total["passed"] = total["lost"] == 0
    return total
