"""Every verb does its work."""
import hashlib
import os
import subprocess

import harness


class Verbs(harness.Case):
    def test_version(self):
        self.assertRegex(self.run_drkit("version").text, r"^drkit \d+\.\d+\.\d+, repository format 1\n$")
        document = self.run_drkit("version", "--json").json
        self.assertEqual(document["status"], "complete")
        self.assertEqual(document["format_version"], 1)

    def test_help_of_every_verb_has_an_example(self):
        verbs = ["init", "keygen", "backup", "snapshots", "ls", "cat", "manifest", "restore", "diff", "check", "forget",
                 "version"]
        for words in [[verb] for verb in verbs] + [["key", part] for part in ("list", "add", "remove", "rotate")]:
            text = self.run_drkit(*words, "--help").text
            self.assertIn("Example:\n  ", text)
            self.assertIn("--json", text)
        self.assertIn("130 interrupted", self.run_drkit("--help").text)

    def test_init_says_where_and_refuses_a_second_time(self):
        self.assertIn(str(self.repo), self.run_drkit("init", self.repo).text)
        self.one_line_error(self.run_drkit("init", self.repo, code=1), "already_exists")

    def test_backup_tells_what_it_did(self):
        self.make_tree()
        self.init()
        text = self.run_drkit("backup", self.repo, self.tree).text
        for word in ("snapshot ", "complete", "files ", "read ", "new ", "stored ", "/s"):
            self.assertIn(word, text)

    def test_a_second_backup_reads_nothing_again(self):
        first = self.init_and_backup()
        second = self.backup()
        self.assertEqual(second["stats"]["bytes"], first["stats"]["bytes"])
        self.assertEqual(second["stats"]["bytes_read"], 0)
        self.assertEqual(second["stats"]["chunks_new"], 0)
        self.assertEqual(self.backup("--parent", "none")["stats"]["bytes_new"], 0)

    def test_snapshots_is_a_table(self):
        snapshot = self.init_and_backup()
        self.backup("--tag", "env=prod", "--tag", "who=me")
        lines = self.run_drkit("snapshots", self.repo).text.splitlines()
        self.assertEqual(lines[0].split("  ")[0], "ID")
        self.assertIn(snapshot["id"][:8], lines[1])
        self.assertIn("complete", lines[1])
        self.assertIn("env=prod,who=me", lines[2])
        tagged = self.run_drkit("snapshots", self.repo, "--tag", "env=prod", "--json").json["snapshots"]
        self.assertEqual([item["tags"] for item in tagged], [{"env": "prod", "who": "me"}])
        self.assertEqual(self.run_drkit("snapshots", self.repo, "--source", "elsewhere", "--json").json["snapshots"], [])

    def test_restore_gives_the_tree_back(self):
        self.init_and_backup()
        target = self.dir / "restored"
        self.assertIn("complete", self.run_drkit("restore", self.repo, "latest", target).text)
        self.assert_same_tree(self.tree, target)
        self.assertEqual(os.stat(target / "hello.txt").st_ino, os.stat(target / "sub" / "same").st_ino)
        self.assertEqual(os.stat(target / "sub/deep/script").st_mode & 0o7777, 0o750)
        self.assertEqual(os.stat(target / "hello.txt").st_mtime_ns, os.stat(self.tree / "hello.txt").st_mtime_ns)
        self.assertLess(os.stat(target / "sparse").st_blocks * 512, 100_000)

    def test_restore_of_a_part(self):
        self.make_tree()
        (self.tree / "sub" / "same").unlink()
        self.init()
        self.backup()
        target = self.dir / "restored"
        self.run_drkit("restore", self.repo, "latest", target, "--include", "sub/**", "--exclude", "numbers")
        self.assertTrue((target / "sub/deep/script").exists())
        self.assertFalse((target / "sub/numbers").exists())
        self.assertFalse((target / "empty").exists())

    def test_restore_plan_touches_nothing(self):
        self.init_and_backup()
        target = self.dir / "restored"
        self.assertIn("would restore", self.run_drkit("restore", self.repo, "latest", target, "--plan").text)
        self.assertFalse(target.exists())

    def test_restore_delta_writes_what_differs(self):
        self.init_and_backup()
        target = self.dir / "restored"
        self.run_drkit("restore", self.repo, "latest", target)
        (target / "hello.txt").write_text("HELLO\n")
        (target / "extra").write_text("not in the snapshot")
        done = self.run_drkit("restore", self.repo, "latest", target, "--delta", "--json").json
        self.assert_same_tree(self.tree, target)
        self.assertLess(done["stats"]["bytes_written"], 100_000)
        self.assertGreater(done["stats"]["bytes_kept"], 700_000)

    def test_plan_of_a_delta_lists_what_it_would_remove(self):
        self.init_and_backup()
        target = self.dir / "restored"
        self.run_drkit("restore", self.repo, "latest", target)
        (target / "sub" / "extra").mkdir()
        (target / "sub" / "extra" / "file").write_text("mine")
        words = ("restore", self.repo, "latest", target, "--delta", "--plan")
        self.assertIn("would remove 2 entries that are not in the snapshot:\n  sub/extra\n  sub/extra/file\n",
                      self.run_drkit(*words).text)
        self.assertEqual(self.run_drkit(*words, "--json").json["removals"],
                         {"entries": 2, "first": ["sub/extra", "sub/extra/file"]})
        self.assertTrue((target / "sub" / "extra" / "file").exists())

    def test_a_delta_from_a_damaged_repository_removes_nothing(self):
        self.init_and_backup()
        target = self.dir / "restored"
        self.run_drkit("restore", self.repo, "latest", target)
        (target / "hello.txt").write_text("HELLO\n")
        os.link(target / "sub" / "numbers", self.dir / "other-name")
        with open(target / "sub" / "numbers", "r+b") as file:
            file.write(b"changed")
        for pack in (self.repo / "data").rglob("*"):
            if pack.is_file():
                pack.unlink()
        self.run_drkit("restore", self.repo, "latest", target, "--delta", code=5)
        self.assertTrue((target / "hello.txt").exists())
        self.assertTrue((target / "sub" / "numbers").read_bytes().startswith(b"changed"))

    def test_a_delta_does_not_empty_a_place_that_has_nothing_of_the_snapshot(self):
        self.init_and_backup()
        (self.dir / "other").mkdir()
        (self.dir / "other" / "precious").write_text("mine")
        for more in ([], ["--plan"]):
            refused = self.run_drkit("restore", self.repo, "latest", self.dir / "other", "--delta", *more, code=None)
            self.assertNotEqual(refused.code, 0)
            self.assertIn("nothing in the target is in the snapshot", refused.err)
        self.assertEqual(os.listdir(self.dir / "other"), ["precious"])

    def test_a_repository_in_its_own_source_is_told(self):
        self.make_tree()
        self.repo = self.tree / "sub" / "repo"
        self.init()
        self.assertIn("exclude it", self.run_drkit("backup", self.repo, self.tree).err)
        self.assertNotIn("exclude it", self.run_drkit("backup", self.repo, self.tree, "--exclude", "sub/repo").err)

    def test_ls_looks_like_ls(self):
        self.init_and_backup()
        text = self.run_drkit("ls", self.repo, "latest").text
        self.assertRegex(text, r"-rwxr-x--- .* sub/deep/script\n")
        self.assertRegex(text, r"lrwxrwxrwx .* link -> hello.txt\n")
        self.assertRegex(text, r"drwx\S+ .* sub/deep\n")
        below = self.run_drkit("ls", self.repo, "latest", "/sub/deep/").text.splitlines()
        self.assertEqual([line.split(" ")[-1] for line in below], ["sub/deep", "sub/deep/script"])

    def test_cat_gives_the_bytes(self):
        self.init_and_backup()
        for name in ("hello.txt", "sub/numbers", "empty", "sparse", "sub/same"):
            self.assertEqual(self.run_drkit("cat", self.repo, "latest", name).out, (self.tree / name).read_bytes())

    def test_manifest_is_what_sha256sum_says(self):
        self.init_and_backup()
        lines = self.run_drkit("manifest", self.repo, "latest").text.splitlines()
        sums = dict(reversed(line.split("  ", 1)) for line in lines)
        self.assertEqual(sums["sub/numbers"], hashlib.sha256((self.tree / "sub/numbers").read_bytes()).hexdigest())
        self.assertEqual(sums["sparse"], hashlib.sha256(bytes(3_000_000)).hexdigest())
        self.assertNotIn("link", sums)

    def test_diff_shows_what_changed(self):
        first = self.init_and_backup()
        (self.tree / "new").write_text("new")
        (self.tree / "empty").unlink()
        (self.tree / "sub/numbers").write_bytes(b"other")
        second = self.backup()
        result = self.run_drkit("diff", self.repo, first["id"], second["id"])
        lines = result.text.splitlines()
        for line in ("+ new", "- empty", "M sub/numbers"):
            self.assertIn(line, lines)
        self.assertNotIn("M hello.txt", lines)
        self.assertIn("1 added, 1 removed", result.err)

    def test_forget_takes_one_off_the_list(self):
        first = self.init_and_backup()
        second = self.backup()
        self.assertIn("forgot", self.run_drkit("forget", self.repo, first["id"][:8]).text)
        left = self.run_drkit("snapshots", self.repo, "--json").json["snapshots"]
        self.assertEqual([item["id"] for item in left], [second["id"]])
        self.run_drkit("restore", self.repo, "latest", self.dir / "restored")
        self.assert_same_tree(self.tree, self.dir / "restored")
        self.run_drkit("forget", self.repo, first["id"], code=4)

    def test_exclude(self):
        self.make_tree()
        self.init()
        self.run_drkit("backup", self.repo, self.tree, "--exclude", "numbers", "--exclude", "sub/deep", "--one-file-system")
        text = self.run_drkit("ls", self.repo, "latest").text
        self.assertNotIn("numbers", text)
        self.assertNotIn("deep", text)
        self.assertIn("hello.txt", text)

    def test_a_command_as_source_and_as_target(self):
        self.init()
        self.run_drkit("backup", self.repo, "exec:seq 100000")
        numbers = subprocess.run(["seq", "100000"], capture_output=True, check=True).stdout
        self.assertEqual(self.run_drkit("restore", self.repo, "latest", "-").out, numbers)
        copy = self.dir / "copy"
        self.run_drkit("restore", self.repo, "latest", f"exec:cat > '{copy}'")
        self.assertEqual(copy.read_bytes(), numbers)

    def test_compression_and_limits_are_taken(self):
        self.make_tree()
        self.init()
        self.backup("--compression=-3", "--limit-upload", "100MiB/s", "--memory", "64MiB", "--parallel", "1")
        plain = self.dir / "plain"
        self.run_drkit("init", plain)
        stored = self.run_drkit("backup", plain, self.tree, "--compression", "0", "--json").json["snapshot"]["stats"]
        self.assertGreater(stored["bytes_stored"], 256)

    def test_the_cache_goes_where_it_is_told(self):
        self.make_tree()
        cache = self.dir / "cache"
        self.run_drkit("init", self.repo, "--cache-dir", cache)
        self.run_drkit("backup", self.repo, self.tree, "--cache-dir", cache)
        self.assertFalse((self.home / ".cache").exists())
        self.run_drkit("snapshots", self.repo)
        self.run_drkit("snapshots", self.repo, env={"HOME": ""})


if __name__ == "__main__":
    harness.main()
