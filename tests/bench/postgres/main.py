#!/usr/bin/env python3
"""Measures drkit's backups of PostgreSQL, read locally, against other tools in one run; ../README.md says how."""

import argparse
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import bars  # noqa: E402
import bench as general  # noqa: E402
import report  # noqa: E402
from cluster import Cluster  # noqa: E402
from measure import Failure, Runner, stored_bytes  # noqa: E402
from steps import SECTIONS, Steps  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/postgres/run", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {' '.join(SECTIONS)}; default: all")
    parser.add_argument("--runs", type=int, default=5, help="of each measurement, in turns; medians are shown (5)")
    parser.add_argument("--scale", type=int, default=150, help="pgbench scale, about 15 MB each (150)")
    parser.add_argument("--docs", type=int, default=820000, help="JSON documents, about 400 bytes each (820000)")
    parser.add_argument("--transactions", type=int, default=20000, help="of pgbench before the incremental (20000)")
    parser.add_argument("--threads", type=int, default=2, help="processors that each tool may use (2)")
    parser.add_argument("--cluster", metavar="DIR", help="copy this data directory instead of making one; its server is stopped")
    parser.add_argument("--block-pgbackrest", metavar="PROGRAM",
                        help="a pgBackRest that knows block incrementals (2.46 or later), measured beside the packaged one")
    parser.add_argument("--wal-g", metavar="PROGRAM", help="WAL-G, built with libsodium, is measured too")
    parser.add_argument("--own", action="store_true", help="drkit alone, without the other tools")
    parser.add_argument("--before", metavar="COMMAND", help="run before each measurement, outside of its time")
    parser.add_argument("--after", metavar="COMMAND", help="run after each measurement")
    parser.add_argument("--dir", help="work directory, made if missing, must be empty (a new one in /var/tmp)")
    parser.add_argument("--keep", action="store_true", help="leave the work directory")
    parser.add_argument("--smoke", action="store_true", help="scale 2, one run: does everything work?")
    parser.add_argument("--drkit", default="build/bin/drkit", help="the program (build/bin/drkit)")
    parser.add_argument("--out", default="build/bench", help="folder for postgres.json (build/bench)")
    options = parser.parse_args()
    for name in options.sections:
        if name not in SECTIONS:
            parser.error(f"no section '{name}'; there are: {' '.join(SECTIONS)}")
    options.sections = [name for name in SECTIONS if not options.sections or name in options.sections]
    if options.smoke:
        options.runs, options.scale, options.docs, options.transactions = 1, 2, 4000, 400
    options.tree = []
    options.drkit = os.path.abspath(options.drkit)
    options.say = lambda text: print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
    return options


def require(options):
    if options.own:
        general.TOOLS = {name: general.TOOLS[name] for name in ("drkit", "PostgreSQL")}
    elif os.geteuid() != 0:
        raise Failure("run this as root: the server runs as user postgres")
    commands = [line[0] for line in general.TOOLS.values() if line] + ([] if options.own else ["age-keygen"])
    for command in commands:
        if not shutil.which(command):
            raise Failure(f"{command} is missing: run tests/setup test bench")
    if not os.access(options.drkit, os.X_OK):
        raise Failure(f"no program at {options.drkit}")


def require_space(options, folder):
    """The cluster and a restored copy for each tool, repositories, and what the changes add."""
    size = stored_bytes(options.cluster) if options.cluster else options.scale * 16 * 10**6 + options.docs * 500
    needed = 2**30 + size * (3 if options.own else 6)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Failure(f"{folder} has {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB are needed: give another --dir")


def measure(options, folder, facts):
    """Runs the sections; the servers are stopped whatever happens."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": folder, "DRKIT_PASSWORD": "measure"}
    runner = Runner(folder, environment, options.before, options.after)
    cluster = Cluster(runner, folder, options.scale, options.docs)
    documents_folder = os.path.join(folder, "documents")
    os.mkdir(documents_folder, 0o755)
    documents = Cluster(runner, documents_folder, 1, options.docs)
    try:
        options.say(f"making the clusters in {folder}")
        cluster.adopt(options.cluster) if options.cluster else cluster.make()
        cluster.settle()
        documents.make()
        documents.stop()
        steps = Steps(options, folder, runner, cluster, documents)
        for name in options.sections:
            SECTIONS[name](steps)
            facts["complete"] = name == options.sections[-1]
            facts["bars"] = bars.judge(steps.results)
            report.write_json(os.path.join(options.out, "postgres.json"), facts, steps.results)
        return steps.results
    finally:
        general.ignore_signals()
        for server in (cluster, documents):
            server.stop("immediate")


def run_all(options, folder):
    require_space(options, folder)
    facts = general.about(options)
    os.makedirs(options.out, exist_ok=True)
    rows = measure(options, folder, facts)
    print(report.table(rows))
    print("\n" + bars.table(facts["bars"]))
    print(f"\nwritten: {options.out}/postgres.json")


def main():
    return general.in_work_directory("tests/bench/postgres", arguments(), require, run_all)


if __name__ == "__main__":
    sys.exit(main())
