"""Names of any bytes: shown safely, kept exactly, accepted by other programs."""
import os
import subprocess

import harness

NAMES = [b"plain", b"with space", b"back\\slash", b"new\nline", b"carriage\rreturn", b"caf\xe9", b"\xff\xfe", "ä€😀".encode(),
         b"\x1b[31mred", b"-rf", b"quote'\"", b"tab\there", b"end\\n", "turned\u202egpj".encode()]


class Names(harness.Case):
    def setUp(self):
        super().setUp()
        self.tree.mkdir()
        for number, name in enumerate(NAMES):
            with open(os.path.join(os.fsencode(self.tree), name), "wb") as file:
                file.write(b"content %d\n" % number)
        self.init()
        self.backup()

    def test_restored_names_are_the_same_bytes(self):
        self.run_drkit("restore", self.repo, "latest", self.dir / "restored")
        self.assertEqual(sorted(os.listdir(os.fsencode(self.dir / "restored"))), sorted(NAMES))
        self.assert_same_tree(self.tree, self.dir / "restored")

    def test_sha256sum_accepts_the_manifest(self):
        sums = self.dir / "SUMS"
        sums.write_bytes(self.run_drkit("manifest", self.repo, "latest").out)
        self.run_drkit("restore", self.repo, "latest", self.dir / "restored")
        check = ["sha256sum", "--check", "--strict", str(sums)]
        done = subprocess.run(check, cwd=self.dir / "restored", capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count(b": OK"), len(NAMES))
        with open(os.path.join(os.fsencode(self.dir / "restored"), b"caf\xe9"), "ab") as file:
            file.write(b"x")
        done = subprocess.run(check, cwd=self.dir / "restored", capture_output=True, check=False)
        self.assertEqual(done.stdout.count(b": FAILED"), 1)

    def test_a_terminal_is_not_driven_by_names(self):
        result = self.run_drkit("ls", self.repo, "latest")
        for bad in (b"\x1b", b"\r", b"\xff", "\u202e".encode()):
            self.assertNotIn(bad, result.out)
        self.assertIn("caf\\xe9", result.text)
        self.assertIn("new\\x0aline", result.text)
        self.assertIn("ä€😀", result.text)
        self.assertEqual(len(result.text.splitlines()), len(NAMES) + 1)

    def test_documents_keep_the_bytes(self):
        entries = self.run_drkit("ls", self.repo, "latest", "--json").json["entries"]
        names = [bytes.fromhex(entry["path_hex"]) if "path_hex" in entry else entry["path"].encode() for entry in entries]
        self.assertEqual(sorted(names), sorted([b"", *NAMES]))
        self.assertEqual(sum("path_hex" in entry for entry in entries), 2)

    def test_cat_takes_any_name(self):
        for number, name in enumerate(NAMES):
            self.assertEqual(self.run_drkit("cat", self.repo, "latest", "--", name).out, b"content %d\n" % number)

    def test_errors_show_names_safely(self):
        result = self.run_drkit("cat", self.repo, "latest", b"\x1b[2Jno\xffwhere\nat all", code=4)
        self.one_line_error(result, "not_found")
        self.assertIn("\\x1b[2Jno\\xffwhere\\x0aat all", result.err)


if __name__ == "__main__":
    harness.main()
