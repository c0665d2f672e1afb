"""The example programs do what they say, also when something is wrong."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ.get("DRKIT_BIN", "."))
SOURCES = pathlib.Path(__file__).resolve().parents[2] / "examples"


class Programs(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="drkit-examples-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.repo = self.dir / "repo"
        self.tree = self.dir / "tree"
        self.tree.mkdir()
        (self.tree / "hello.txt").write_text("hello\n")
        (self.tree / "numbers").write_bytes(bytes(range(256)) * 5000)
        self.password = self.dir / "password"
        self.password.write_text("a password for the examples\n")

    def run_program(self, *words, code=0, **env):
        variables = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.dir), "LC_ALL": "C.UTF-8", **env}
        done = subprocess.run([str(word) for word in words], env=variables, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_backup_files(self):
        program = BIN / "example_backup_files"
        self.assertRegex(self.run_program(program, self.repo, self.tree, self.password), "^[0-9a-f]{32} complete 1280006 bytes\n$")
        self.run_program(program, self.repo, self.tree, self.password)
        other = self.dir / "other"
        other.write_text("wrong\n")
        self.run_program(program, self.repo, self.tree, other, code=1)
        self.run_program(program, self.repo, code=2)

    def test_restore_drill(self):
        self.run_program(BIN / "example_backup_files", self.repo, self.tree, self.password)
        out = self.run_program(BIN / "example_restore_drill", self.repo, self.dir / "restored", self.password, self.dir / "drill.html")
        self.assertIn("0 bytes different, 0 findings: proven", out)
        self.assertEqual((self.dir / "restored" / "numbers").read_bytes(), (self.tree / "numbers").read_bytes())
        self.assertIn("No damage found", (self.dir / "drill.html").read_text())
        self.run_program(BIN / "example_restore_drill", self.repo, self.tree, self.password, code=1)

    def test_custom_storage_passes_the_suite(self):
        out = self.run_program(BIN / "example_custom_storage")
        self.assertGreater(out.count("passed  "), 10)
        self.assertNotIn("FAILED", out)

    def test_custom_storage_holds_a_repository_twice(self):
        self.run_program(BIN / "example_custom_storage", self.dir / "a", self.dir / "b")
        names = [sorted(str(path.relative_to(self.dir / place)) for path in (self.dir / place).rglob("*") if path.is_file())
                 for place in ("a", "b")]
        self.assertEqual(names[0], names[1])
        self.assertTrue(names[0])

    def test_backup_script(self):
        env = {"REPOSITORY": str(self.repo), "DRKIT_PASSWORD_FILE": str(self.password)}
        self.run_program(SOURCES / "backup.sh", self.tree, **env)
        self.run_program(SOURCES / "backup.sh", self.tree, **env)
        listed = self.run_program(BIN / "drkit", "snapshots", self.repo, "--quiet", DRKIT_PASSWORD_FILE=str(self.password))
        self.assertEqual(len(listed.splitlines()), 2)
        self.assertIn("by=backup.sh", listed)
        self.run_program(SOURCES / "backup.sh", self.tree, self.dir / "nowhere", code=4, **env)


if __name__ == "__main__":
    unittest.main(verbosity=2)
