#!/usr/bin/env python3
"""Measures drkit against other backup tools on one machine in one go; README.md says what each section means."""

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import report
from cluster import Cluster
from measure import Failure, Runner, stored_bytes
from sections import NEED_CLUSTER, SECTIONS, TRANSACTIONS, Bench

TOOLS = {"drkit": None, "PostgreSQL": ["/usr/lib/postgresql/15/bin/postgres", "--version"],
         "pgBackRest": ["pgbackrest", "version"], "restic": ["restic", "version"], "zstd": ["zstd", "--version"],
         "age": ["age", "--version"], "tar": ["tar", "--version"]}
TREE = ["/usr/share", "/usr/include", "/usr/lib/python3"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {' '.join(SECTIONS)}; default: all")
    parser.add_argument("--runs", type=int, default=5, help="of each measurement; medians are shown (5)")
    parser.add_argument("--scale", type=int, default=150, help="pgbench scale, about 15 MB each (150)")
    parser.add_argument("--docs", type=int, default=820000, help="JSON documents, about 400 bytes each (820000)")
    parser.add_argument("--threads", type=int, default=2, help="processors that each tool may use (2)")
    parser.add_argument("--tree", action="append", metavar="FOLDER", help=f"to copy for `tree`, repeatable ({' '.join(TREE)})")
    parser.add_argument("--dir", help="work directory, made if missing, must be empty (a new one in /var/tmp)")
    parser.add_argument("--keep", action="store_true", help="leave the work directory")
    parser.add_argument("--smoke", action="store_true", help="scale 3, one run, a small tree: does everything work?")
    parser.add_argument("--drkit", default="build/bin/drkit", help="the program (build/bin/drkit)")
    parser.add_argument("--out", default="build/bench", help="folder for bench.json and bench.html (build/bench)")
    options = parser.parse_args()
    for name in options.sections:
        if name not in SECTIONS:
            parser.error(f"no section '{name}'; there are: {' '.join(SECTIONS)}")
    if min(options.runs, options.scale, options.docs, options.threads) < 1:
        parser.error("--runs, --scale, --docs and --threads start at 1")
    options.sections = [name for name in SECTIONS if not options.sections or name in options.sections]
    options.transactions = TRANSACTIONS
    options.tree = options.tree or TREE
    if options.smoke:
        options.runs, options.scale, options.docs, options.transactions = 1, 3, 20000, 400
        options.tree = ["/usr/include/linux"]
    options.drkit = os.path.abspath(options.drkit)
    options.say = lambda text: print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
    return options


def require(options):
    if os.geteuid() != 0:
        raise Failure("run this as root: the server runs as user postgres, and files of both are backed up")
    if not os.access(options.drkit, os.X_OK):
        raise Failure(f"no program at {options.drkit}")
    for command in [*(line[0] for line in TOOLS.values() if line), "age-keygen", "setpriv", "/usr/bin/time"]:
        if not shutil.which(command):
            raise Failure(f"{command} is missing: run tests/setup bench test")


def require_space(options, folder):
    """Four restored copies, repositories and copies of these stand next to each other."""
    needed = 2**30 + 8 * (options.scale * 16 * 10**6 + options.docs * 500) if NEED_CLUSTER & set(options.sections) else 0
    if "tree" in options.sections:
        needed += 4 * sum(stored_bytes(path) for path in options.tree)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Failure(f"{folder} has {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB are needed: give another --dir or a smaller --scale")


def about(options):
    versions = {}
    for name, command in TOOLS.items():
        output = subprocess.run(command or [options.drkit, "version"], capture_output=True, text=True, check=True).stdout
        versions[name] = output.splitlines()[0].strip()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    machine = {"cores": os.cpu_count(), "memory GiB": round(memory / 2**30, 1), "kernel": platform.release(),
               "processor": processor(), "system": platform.freedesktop_os_release()["PRETTY_NAME"],
               "load before": os.getloadavg()[0]}
    settings = {name: getattr(options, name) for name in ("runs", "scale", "docs", "threads", "transactions", "tree")}
    return {"began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine, "versions": versions, "settings": settings}


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        return next((line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")), platform.machine())


def work_directory(options):
    if not options.dir:
        return tempfile.mkdtemp(prefix="drkit-bench-", dir="/var/tmp")
    os.makedirs(options.dir, exist_ok=True)
    if os.listdir(options.dir):
        raise Failure(f"{options.dir} is not empty")
    return os.path.abspath(options.dir)


def measure(options, folder, facts):
    """Runs the sections; the server is stopped whatever happens."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": folder, "DRKIT_PASSWORD": "measure",
                   "RESTIC_PASSWORD": "measure", "GOMAXPROCS": str(options.threads)}
    runner = Runner(folder, environment)
    cluster = None
    try:
        if NEED_CLUSTER & set(options.sections):
            cluster = Cluster(runner, folder, options.scale, options.docs)
            options.say(f"making a cluster of scale {options.scale} in {folder}")
            cluster.make()
            cluster.settle()
            facts["settings"]["cluster bytes"] = stored_bytes(cluster.data)
        bench = Bench(options, folder, runner, cluster)
        for name in options.sections:
            SECTIONS[name](bench)
            facts["complete"] = name == options.sections[-1]
            report.write_json(os.path.join(options.out, "bench.json"), facts, bench.results)
            report.write_html(os.path.join(options.out, "bench.html"), facts, bench.results)
        return bench.results
    finally:
        ignore_signals()
        if cluster:
            cluster.stop("immediate")


def ignore_signals():
    """Cleaning up is short and is not to be stopped halfway."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def interrupted(number, _):
    ignore_signals()
    raise Failure(f"stopped by {signal.Signals(number).name}")


def in_work_directory(name, options, check, run):
    """Checks what is needed, runs in a new folder below --dir, and cleans up; the exit code."""
    for number in SIGNALS:
        signal.signal(number, interrupted)
    folder = None
    try:
        check(options)
        folder = work_directory(options)
        os.chmod(folder, 0o755)
        run(options, folder)
        return 0
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        return 1
    finally:
        if folder and not options.keep:
            shutil.rmtree(folder)


def run_all(options, folder):
    require_space(options, folder)
    facts = about(options)
    os.makedirs(options.out, exist_ok=True)
    rows = measure(options, folder, facts)
    print(report.table(rows))
    print(f"\nwritten: {options.out}/bench.json {options.out}/bench.html")


def main():
    return in_work_directory("tests/bench", arguments(), require, run_all)


if __name__ == "__main__":
    sys.exit(main())
