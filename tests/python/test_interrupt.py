"""Ctrl-C: the operation stops, nothing is committed, KeyboardInterrupt comes."""

import pathlib
import signal
import subprocess
import sys
import time

import pytest

import drkit

PROGRAM = """
import sys, time
import drkit

class Endless(drkit.Source):
    kind = name = "endless"
    ordered = True

    def entries(self):
        yield drkit.Entry("", "directory")
        yield drkit.Entry("zeros", size=1 << 50), self

    def read(self, size):
        return __import__("os").urandom(min(size, 65536))

repo = drkit.Repository.open(sys.argv[1], password="correct horse")
began = [False]

def tell(event):
    if not began[0]:
        began[0] = True
        print("running", flush=True)

try:
    repo.backup(sys.argv[2] if len(sys.argv) > 2 else Endless(), progress=tell)
except KeyboardInterrupt:
    print("interrupted", time.time(), len(repo.snapshots()), flush=True)
"""


def interrupt(*arguments):
    """Runs the program, interrupts it, gives the seconds that it took to react."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "running\n"
        time.sleep(0.3)
        sent = time.time()
        process.send_signal(signal.SIGINT)
        answer = process.stdout.readline().split()
    assert answer[:1] == ["interrupted"]
    assert answer[2] == "0"
    assert process.returncode == 0
    return float(answer[1]) - sent


@pytest.mark.parametrize("kind", ["python source", "command"])
def test_interrupt(repo, tmp_path, kind):
    source = [] if kind == "python source" else ["exec:cat /dev/zero"]
    seconds = interrupt(tmp_path / "repo", *source)
    print(f"{kind}: reaction {seconds:.3f} s")
    assert repo.snapshots() == []
    assert seconds < 5


def test_handlers_run_while_the_library_works(repo, tree):
    """A handler that does not raise does not disturb the operation."""
    seen = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        assert repo.backup(tree).status == "complete"
        deadline = time.monotonic() + 5
        while not seen and time.monotonic() < deadline:
            repo.backup(tree, parent="none")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen
