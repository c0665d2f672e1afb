"""Runs the drkit program in a world of its own: no environment, home or repository of the caller is seen or touched."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

DRKIT = os.environ.get("DRKIT", "drkit")
PASSWORD = "correct horse battery staple"
NOBODY = 65534


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr.decode("utf-8")

    @property
    def text(self):
        return self.out.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.out)


class Case(unittest.TestCase):
    """A temporary directory, a repository place and a small tree."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="drkit-cli-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.repo = self.dir / "repo"
        self.tree = self.dir / "tree"
        self.password_file = self.dir / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self.password_file.chmod(0o600)
        self.home = self.dir / "home"
        self.home.mkdir()

    def environment(self, **more):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH"):
            if name in os.environ:
                env[name] = os.environ[name]
        env.update(more)
        return env

    def run_drkit(self, *words, password=True, code=0, env=None, prefix=(), binary=DRKIT, **more):
        """Runs drkit, demands the exit code (None: any), and that no secret is shown."""
        variables = self.environment(**(env or {}))
        if password and "DRKIT_PASSWORD" not in variables:
            variables.setdefault("DRKIT_PASSWORD_FILE", str(self.password_file))
        more.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run([*prefix, str(binary), *map(os.fsdecode, words)], env=variables, timeout=120,
                              stdout=more.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, **more)
        if done.stdout is None:
            done.stdout = b""
        result = Result(done)
        if code is not None:
            self.assertEqual(result.code, code, f"drkit {words}: {result.err} {result.out[-2000:]!r}")
        self.assertNotIn(PASSWORD, result.err)
        self.assertNotIn(PASSWORD.encode(), result.out)
        return result

    def make_tree(self):
        (self.tree / "sub" / "deep").mkdir(parents=True)
        (self.tree / "hello.txt").write_text("hello\n")
        (self.tree / "empty").write_bytes(b"")
        (self.tree / "sub" / "numbers").write_bytes(bytes(range(256)) * 3000)
        (self.tree / "sub" / "deep" / "script").write_text("#!/bin/sh\n")
        (self.tree / "sub" / "deep" / "script").chmod(0o750)
        (self.tree / "link").symlink_to("hello.txt")
        os.link(self.tree / "hello.txt", self.tree / "sub" / "same")
        with open(self.tree / "sparse", "wb") as file:
            file.truncate(3_000_000)

    def init(self):
        self.run_drkit("init", self.repo)

    def backup(self, *words, code=0):
        return self.run_drkit("backup", self.repo, self.tree, "--json", *words, code=code).json["snapshot"]

    def init_and_backup(self):
        self.make_tree()
        self.init()
        return self.backup()

    def one_line_error(self, result, code):
        """The error is one line on standard error that begins with the program and the code's name."""
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 1, result.err)
        self.assertTrue(lines[0].startswith(f"drkit: {code}: "), lines[0])
        self.assertFalse(lines[0].endswith("."))

    def objects(self):
        """Stored objects, largest first."""
        files = [path for path in self.repo.rglob("*") if path.is_file() and "~/" not in str(path)]
        return sorted(files, key=lambda path: -path.stat().st_size)

    def assert_same_tree(self, a, b):
        done = subprocess.run(["diff", "-r", "--no-dereference", str(a), str(b)], capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout.decode(errors="replace"))


def as_nobody():
    """The words before a command that make it run without privilege; none when there is none to lose."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")


def main():
    unittest.main(verbosity=2)
