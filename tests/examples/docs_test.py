"""Runs the commands of the guides: every fenced block marked `sh run`, guide by guide, in the order of the page."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("DRKIT_BIN", ".")
BLOCK = re.compile(r"^```sh run\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


class Sandbox(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="drkit-docs-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o711)
        self.tree = self.dir / "tree"
        (self.tree / "documents").mkdir(parents=True)
        (self.tree / "hello.txt").write_text("hello\n")
        (self.tree / "documents" / "letter").write_text("Dear friends\n" * 1000)
        (self.dir / "work").mkdir()
        (self.dir / "password").write_text("a password for the guides\n")

    def environment(self):
        return {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.dir), "LC_ALL": "C.UTF-8", "REPO": str(self.dir / "repo"),
                "TREE": str(self.tree), "DRKIT_PASSWORD_FILE": str(self.dir / "password")}

    def run_guide(self, name, before="", env=None):
        blocks = BLOCK.findall((ROOT / "docs" / "guides" / name).read_text())
        self.assertTrue(blocks, f"{name} has no block that is run")
        script = "\n".join(["set -eu", before, *blocks])
        done = subprocess.run(["bash", "-c", script], cwd=self.dir / "work", env=env or self.environment(), capture_output=True,
                              text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, f"{name}:\n{script}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout


class Guides(Sandbox):
    def test_files(self):
        self.run_guide("files.md")
        self.assertEqual((self.dir / "work" / "hello.txt").read_text(), "hello\n")

    def test_keys(self):
        out = self.run_guide("keys.md")
        self.assertIn("removed key", out)
        self.assertIn("new data is sealed under a new key", out)

    def test_check(self):
        self.run_guide("check.md", before='drkit init "$REPO"; drkit backup "$REPO" "$TREE"')
        self.assertIn("No damage found", (self.dir / "work" / "check.html").read_text())

    def test_troubleshooting(self):
        self.run_guide("troubleshooting.md", before='drkit init "$REPO"')

    def test_every_link_leads_somewhere(self):
        for page in PAGES:
            for target in LINK.findall(page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}")

    def test_every_option_named_exists(self):
        """Options in shell blocks of all pages are options of the program."""
        verbs = ("init", "keygen", "key add", "backup", "snapshots", "ls", "cat", "manifest", "restore", "diff", "check", "forget",
                 "wal push", "wal get", "wal list", "wal verify", "wal receive", "pitr", "storage probe", "storage retain")
        known = set()
        for verb in verbs:
            done = subprocess.run([f"{BIN}/drkit", *verb.split(), "--help"], capture_output=True, text=True, check=True)
            known.update(re.findall(r"--[a-z-]+", done.stdout))
        for page in PAGES:
            for line in page.read_text().splitlines():
                if line.strip().startswith("drkit "):
                    unknown = set(re.findall(r"(?<=\s)--[a-z-]+", line)) - known
                    self.assertFalse(unknown, f"{page.relative_to(ROOT)}: {line}")


class PostgresqlGuides(Sandbox):
    """With a cluster like the quickstart's."""

    CLUSTER = f"""
die() {{ echo "$*" >&2; exit 1; }}
. '{ROOT}/examples/quickstart/cluster.sh'
trap 'stop_cluster immediate' EXIT
make_cluster; sql -c 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS i'
export CLUSTER="host=$scratch/socket port=5432 user=quickstart dbname=postgres" DATA=$scratch/restored SCRATCH=$scratch/check
mkdir -m 711 "$SCRATCH"
"""

    def cluster_environment(self):
        return {**self.environment(), "scratch": str(self.dir)}

    def test_backup(self):
        self.run_guide("backup-postgresql.md", before=self.CLUSTER, env=self.cluster_environment())

    def test_restore(self):
        before = self.CLUSTER + 'drkit init "$REPO"; drkit backup "$REPO" "postgres:$CLUSTER"'
        self.run_guide("restore-postgresql.md", before=before, env=self.cluster_environment())
        self.assertTrue((self.dir / "restored" / "backup_label").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
