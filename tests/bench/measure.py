"""Runs commands one at a time and measures each: time, processor, memory, bytes stored."""

import os
import signal
import subprocess
import time


class Failure(Exception):
    """What ends the measurements, in one or more lines for the user."""


def stored_bytes(path):
    """Bytes of all regular files at or below path; 0 when there is none."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            total += status.st_size
    return total


def warm(path):
    """Reads every file once, so that no run is the one that pays for the disk."""
    buffer = bytearray(1 << 20)
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.join(folder, name)
            if os.path.islink(file) or not os.path.isfile(file):
                continue
            with open(file, "rb", buffering=0) as stream:
                while stream.readinto(buffer):
                    pass


def machine_cpu():
    """Seconds that the whole machine has computed since it started; servers are only to be seen here."""
    with open("/proc/stat", encoding="ascii") as stream:
        fields = [int(field) for field in stream.readline().split()[1:]]
    user, nice, system, _, _, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Runner:
    """Starts commands in sessions of their own, so that none outlives an interruption."""

    def __init__(self, folder, environment, before=None, after=None):
        """before, after: commands of the shell around each measurement, such as ones that quieten the machine."""
        self.around = (before, after)
        self.logs = os.path.join(folder, "logs")
        os.makedirs(self.logs)
        self.environment = environment

    def call(self, command, **extra):
        """Runs without measuring; returns standard output."""
        process = subprocess.Popen(command, env={**self.environment, **extra}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        try:
            output, errors = process.communicate()
        except BaseException:
            self._end(process)
            raise
        if process.returncode != 0:
            raise Failure(f"{command[0]} failed with {process.returncode}: {' '.join(command)}\n{errors or output}".rstrip())
        return output

    def measure(self, command, stored, **extra):
        """Runs and measures. stored: the path whose bytes count. Returns the figures of this run."""
        before = stored_bytes(stored) if stored else 0
        memory = os.path.join(self.logs, "memory")
        # GNU time starts the command from a small process: what Python occupies would count as the command's memory.
        wrapped = ["/usr/bin/time", "-q", "-f", "%M", "-o", memory, *command]
        os.sync()
        time.sleep(0.3)
        self._hook(0)
        cpu = machine_cpu()
        with open(os.path.join(self.logs, "out"), "wb") as out, open(os.path.join(self.logs, "err"), "wb") as err:
            begin = time.monotonic()
            process = subprocess.Popen(wrapped, env={**self.environment, **extra}, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=err, start_new_session=True)
            try:
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                self._end(process)
                self._hook(1)
                raise
            wall = time.monotonic() - begin
        cpu = machine_cpu() - cpu
        self._hook(1)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise Failure(f"failed with {process.returncode}: {' '.join(command)}\n{self._last_output()}")
        begin = time.monotonic()
        os.sync()
        sync = time.monotonic() - begin
        with open(memory, encoding="ascii") as stream:
            resident = int(stream.read().split()[-1]) * 1024
        after = stored_bytes(stored) if stored else 0
        return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "machine_cpu": cpu, "sync_after": sync,
                "max_rss": resident, "stored": after, "added": after - before}

    def _hook(self, index):
        if self.around[index]:
            self.call(["sh", "-c", self.around[index]])

    def _last_output(self):
        texts = []
        for name in ("err", "out"):
            with open(os.path.join(self.logs, name), encoding="utf-8", errors="replace") as stream:
                texts.append(stream.read()[-4000:].strip())
        return "\n".join(text for text in texts if text)

    @staticmethod
    def _end(process):
        """Ends the command and what it has started, in its session."""
        for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, None)):
            try:
                os.killpg(process.pid, number)
                process.wait(patience)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue
