"""Runs the commands of the guides to storages, every fenced block marked `sh run`, against a real server each."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import servers
from tree import digests

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRKIT = pathlib.Path(os.environ["DRKIT"])
BLOCK = re.compile(r"^```sh run\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Guides(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="drkit-guides-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o755)
        (self.dir / "work").mkdir()
        (self.dir / "password").write_text("a password for the guides\n")
        self.tree = self.dir / "tree"
        self.tree.mkdir()
        (self.tree / "letter").write_text("Dear friends\n" * 1000)

    def runs(self, guide, kind):
        server = kind(self.dir / "server")
        self.addCleanup(server.stop)
        server.start()
        blocks = BLOCK.findall((ROOT / "docs/guides" / guide).read_text())
        self.assertTrue(blocks, f"{guide} has no block that is run")
        environment = {"PATH": f"{DRKIT.parent}:{os.environ['PATH']}", "HOME": str(self.dir), "TREE": str(self.tree),
                       "REPO": server.address("backup"), "DRKIT_PASSWORD_FILE": str(self.dir / "password"),
                       **server.environment()}
        script = "\n".join(["set -eu", *blocks])
        done = subprocess.run(["bash", "-c", script], cwd=self.dir / "work", env=environment, capture_output=True,
                              text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        self.assertIn("safe for a repository", done.stdout)
        self.assertEqual(digests(self.dir / "work/restored"), digests(self.tree))
        return done.stdout + done.stderr

    def test_webdav(self):
        self.runs("webdav.md", servers.Apache)

    def test_nextcloud(self):
        self.runs("webdav.md", servers.Nextcloud)

    def test_sftp(self):
        self.runs("storages.md", servers.Sftp)

    def test_sftp_with_a_password(self):
        for kind in (servers.SftpPassword, servers.SftpDialogue):
            server = kind(self.dir / "server")
            if os.geteuid() != 0:
                with self.assertRaisesRegex(RuntimeError, "only root can make an account"):
                    server.start()
                continue
            output = self.runs("storages.md", kind)
            self.assertEqual(len(server.password), 32)
            self.assertNotIn(server.password, output)
            server.stop()
            shutil.rmtree(self.dir / "server")
            shutil.rmtree(self.dir / "work")
            (self.dir / "work").mkdir()

    def test_s3_with_object_lock(self):
        """The commands of the guide that cannot run there: they need a bucket of their own."""
        server = servers.Versitygw(self.dir / "server")
        self.addCleanup(server.stop)
        server.start()
        server.make_bucket("drkit-locked", "x-amz-bucket-object-lock-enabled: true")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.dir),
                       "DRKIT_PASSWORD_FILE": str(self.dir / "password"), **server.environment()}

        def drkit(*words, code=0):
            done = subprocess.run([DRKIT, *words, "--json"], env=environment, capture_output=True, text=True, timeout=120,
                                  check=False)
            self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
            return json.loads(done.stdout)

        locked = server.address("repository", bucket="drkit-locked")
        drkit("init", locked)
        drkit("backup", locked, str(self.tree))
        report = drkit("storage", "retain", locked, "--days", "3")
        self.assertGreaterEqual(report["objects"], 5)
        self.assertEqual(drkit("storage", "retain", locked, "--legal-hold", "on")["objects"], report["objects"])
        drkit("check", locked, "--level", "chunks")
        plain = server.address("repository")
        drkit("init", plain)
        self.assertEqual(drkit("storage", "retain", plain, "--days", "3", code=1)["error"]["code"], "unsupported")

    def test_s3(self):
        self.runs("s3.md", servers.Versitygw)


if __name__ == "__main__":
    unittest.main(verbosity=2)
