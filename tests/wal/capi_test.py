"""The log and recovery as a C program has them: it keeps, plans, restores, starts; the tool only fetches the log."""
import os
import pathlib
import shutil
import subprocess
import unittest

from cluster import Case, as_server


class FromC(Case):
    def setUp(self):
        super().setUp()
        self.program = self.dir / "program"
        shutil.copy(os.environ["DRKIT_PROGRAM"], self.program)
        self.program.chmod(0o755)
        self.libraries = self.dir / "libraries"
        self.libraries.mkdir()
        library = pathlib.Path(os.environ["DRKIT_LIBRARY"]).resolve()
        for name in {library.name, os.environ["DRKIT_SONAME"]}:
            shutil.copy(library, self.libraries / name)

    def run_program(self, verb, *words):
        command = [*as_server(), "env", f"LD_LIBRARY_PATH={self.libraries}", self.program, verb, self.repo,
                   "correct horse", *words]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_kept_and_brought_back(self):
        primary = self.cluster()
        primary.sql("create table history (id int)", "insert into history values (1)")
        self.run_program("keep", primary.conninfo, "backup")
        reached = primary.sql("insert into history values (2)", "select pg_current_wal_lsn()")
        self.run_program("keep", primary.conninfo, reached)
        reached = primary.sql("insert into history values (3)", "select pg_current_wal_lsn()")
        self.run_program("keep", primary.conninfo, reached)
        primary.stop("immediate")

        back, options = self.beside(primary)
        command = f"{self.drkit} wal get {self.repo} %f %p --password-file {self.password} --cache-dir ''"
        libraries = (back.folder / "lib").read_text()
        self.run_program("recover", back.folder / "data", back.bin, options, command,
                         *([libraries] if libraries else []))
        self.assertEqual(back.sql("select id from history order by id").split(), ["1", "2", "3"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
