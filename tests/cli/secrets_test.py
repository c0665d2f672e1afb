"""Passwords, key files and recipients: where they may come from, and what each of them opens."""
import os
import stat

import harness


class Secrets(harness.Case):
    def test_a_password_in_the_environment_or_a_file(self):
        self.init()
        for env in ({"DRKIT_PASSWORD": harness.PASSWORD}, {"DRKIT_PASSWORD_FILE": str(self.password_file)}):
            self.run_drkit("snapshots", self.repo, password=False, env=env)
        self.run_drkit("snapshots", self.repo, "--password-file", self.password_file, password=False)
        self.run_drkit("snapshots", self.repo, "--password-file", "-", password=False, stdin=open(self.password_file, "rb"))
        (self.dir / "crlf").write_bytes(harness.PASSWORD.encode() + b"\r\n")
        self.run_drkit("snapshots", self.repo, "--password-file", self.dir / "crlf", password=False)

    def test_an_option_comes_before_the_environment(self):
        self.init()
        self.run_drkit("snapshots", self.repo, "--password-file", self.password_file, env={"DRKIT_PASSWORD": "wrong"})

    def test_an_empty_password_is_none(self):
        empty = self.dir / "empty"
        empty.write_bytes(b"\n")
        result = self.run_drkit("init", self.repo, "--password-file", empty, password=False, code=2)
        self.one_line_error(result, "invalid_argument")

    def test_commands_do_not_inherit_the_password(self):
        self.init()
        self.run_drkit("backup", self.repo, "exec:env", env={"DRKIT_PASSWORD": harness.PASSWORD})
        out = self.run_drkit("restore", self.repo, "latest", "-").out
        self.assertNotIn(b"DRKIT_PASSWORD", out)
        self.assertIn(b"HOME=", out)

    def keygen(self, name="key"):
        path = self.dir / name
        public = self.run_drkit("keygen", path, password=False).text.strip()
        return path, public

    def test_keygen_makes_two_files_and_overwrites_none(self):
        path, public = self.keygen()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertRegex(public, "^drkit-pub-1[0-9a-f]{64}$")
        self.assertRegex(path.read_text(), "^drkit-key-1[0-9a-f]{64}\n$")
        self.assertEqual((self.dir / "key.pub").read_text(), public + "\n")
        before = path.read_bytes()
        self.one_line_error(self.run_drkit("keygen", path, code=1), "already_exists")
        (self.dir / "key.pub").unlink()
        self.one_line_error(self.run_drkit("keygen", path, code=1), "already_exists")
        self.assertEqual(path.read_bytes(), before)
        self.assertFalse((self.dir / "key.pub").exists())
        document = self.run_drkit("keygen", self.dir / "other", "--json").json
        self.assertEqual(list(document), ["status", "public_key", "key_file", "public_key_file"])
        self.assertNotIn("drkit-key-1", str(document))

    def test_a_repository_for_a_recipient(self):
        path, public = self.keygen()
        self.make_tree()
        self.run_drkit("init", self.repo, "--recipient", public, "--key-file", path, password=False)
        self.run_drkit("backup", self.repo, self.tree, "--key-file", path, password=False)
        self.run_drkit("restore", self.repo, "latest", self.dir / "restored", "--key-file", path, password=False)
        self.assert_same_tree(self.tree, self.dir / "restored")
        other, _ = self.keygen("other")
        self.one_line_error(self.run_drkit("snapshots", self.repo, "--key-file", other, password=False, code=1), "bad_key")

    def test_keys_are_added_listed_and_removed(self):
        self.init()
        second = self.dir / "second"
        second.write_text("another password\n")
        path, public = self.keygen()
        self.run_drkit("key", "add", self.repo, "--new-password-file", second, "--label", "office")
        self.run_drkit("key", "add", self.repo, "--recipient", str(path) + ".pub", "--label", "safe")
        keys = self.run_drkit("key", "list", self.repo, "--json").json["keys"]
        self.assertEqual([key["label"] for key in keys if key["label"]], ["office", "safe"])
        self.assertEqual([key["kind"] for key in keys], ["password", "password", "recipient"])
        self.assertEqual(keys[2]["public_key"], public)
        self.assertIn("office", self.run_drkit("key", "list", self.repo).text)
        self.run_drkit("snapshots", self.repo, "--password-file", second)
        self.run_drkit("snapshots", self.repo, "--key-file", path)
        self.run_drkit("key", "remove", self.repo, keys[1]["id"][:8])
        self.one_line_error(self.run_drkit("snapshots", self.repo, "--password-file", second, code=1), "bad_key")

    def test_the_last_key_stays(self):
        self.init()
        own = self.run_drkit("key", "list", self.repo, "--json").json["keys"][0]["id"]
        self.one_line_error(self.run_drkit("key", "remove", self.repo, own, code=1), "precondition_failed")
        self.run_drkit("snapshots", self.repo)

    def test_a_writer_adds_and_reads_nothing_back(self):
        self.init_and_backup()
        path, public = self.keygen()
        self.run_drkit("key", "add", self.repo, "--recipient", public, "--role", "write")
        (self.tree / "more").write_text("written by the writer")
        writer = ["--key-file", path]
        snapshot = self.run_drkit("backup", self.repo, self.tree, "--json", *writer, password=False).json["snapshot"]
        self.assertEqual(snapshot["stats"]["chunks_new"], 1, "the writer deduplicates")
        self.assertEqual(len(self.run_drkit("snapshots", self.repo, "--json", *writer, password=False).json["snapshots"]), 2)
        for words in (["cat", self.repo, "latest", "more"], ["restore", self.repo, "latest", self.dir / "r"], ["ls", self.repo, "latest"]):
            result = self.run_drkit(*words, *writer, password=False, code=1)
            self.assertRegex(result.err, "^drkit: (permission_denied|bad_key): ")
        self.assertEqual(self.run_drkit("cat", self.repo, "latest", "more").out, b"written by the writer")

    def test_a_writer_remembers_its_last_backup_unless_its_cache_is_gone(self):
        self.init_and_backup()
        path, public = self.keygen()
        self.run_drkit("key", "add", self.repo, "--recipient", public, "--role", "write")
        cache = self.dir / "cache of the host"

        def read_files():
            words = ("backup", self.repo, self.tree, "--json", "--key-file", path, "--cache-dir", cache)
            stats = self.run_drkit(*words, password=False).json["snapshot"]["stats"]
            return stats["files"] - stats["files_unchanged"]
        self.assertGreater(read_files(), 1)
        (self.tree / "more").write_text("one more")
        self.assertEqual(read_files(), 1)
        self.assertEqual(read_files(), 0)
        for memory in cache.glob("*/writer/*"):
            memory.write_bytes(b"damaged")
        self.assertGreater(read_files(), 1)
        self.assertEqual(read_files(), 0)
        self.run_drkit("restore", self.repo, "latest", self.dir / "restored")
        self.assert_same_tree(self.tree, self.dir / "restored")

    def test_rotation_keeps_old_snapshots_and_names_what_it_removed(self):
        self.init_and_backup()
        second = self.dir / "second"
        second.write_text("another password\n")
        self.run_drkit("key", "add", self.repo, "--new-password-file", second, "--label", "office")
        removed = self.run_drkit("key", "rotate", self.repo, "--json").json["removed"]
        self.assertEqual([key["label"] for key in removed], ["office"])
        self.run_drkit("snapshots", self.repo, "--password-file", second, code=1)
        (self.tree / "after").write_text("after")
        self.backup()
        self.run_drkit("restore", self.repo, "latest", self.dir / "restored")
        self.assert_same_tree(self.tree, self.dir / "restored")


if __name__ == "__main__":
    harness.main()
