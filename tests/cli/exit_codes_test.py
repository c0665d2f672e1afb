"""Every exit code, and one clear line on standard error with it."""
import os
import shutil
import signal
import subprocess
import time

import harness


class ExitCodes(harness.Case):
    def test_1_wrong_password(self):
        self.init_and_backup()
        result = self.run_drkit("snapshots", self.repo, env={"DRKIT_PASSWORD": "wrong"}, code=1)
        self.one_line_error(result, "bad_key")

    def test_1_no_password(self):
        self.init()
        result = self.run_drkit("snapshots", self.repo, password=False, code=1)
        self.one_line_error(result, "unauthenticated")
        self.assertIn("DRKIT_PASSWORD_FILE", result.err)

    def test_1_failing_command(self):
        self.init()
        result = self.run_drkit("backup", self.repo, "exec:echo begun; exit 7", code=1)
        self.assertIn("7", result.err)
        self.assertEqual(self.run_drkit("snapshots", self.repo, "--json").json["snapshots"], [])

    def test_1_restore_onto_something(self):
        self.init_and_backup()
        target = self.dir / "occupied"
        target.mkdir()
        (target / "mine").write_text("mine")
        self.one_line_error(self.run_drkit("restore", self.repo, "latest", target, code=1), "precondition_failed")
        self.assertEqual([path.name for path in target.iterdir()], ["mine"])

    def test_1_init_in_a_foreign_directory(self):
        self.make_tree()
        self.one_line_error(self.run_drkit("init", self.tree, code=1), "precondition_failed")
        self.assertEqual((self.tree / "hello.txt").read_text(), "hello\n")

    def test_1_standard_output_full_or_closed(self):
        self.init_and_backup()
        for verb in (["snapshots"], ["ls"], ["manifest"], ["cat"], ["version"]):
            words = verb if verb == ["version"] else [*verb, self.repo] + ([] if verb == ["snapshots"] else ["latest"])
            words += ["sub/numbers"] if verb == ["cat"] else []
            with open("/dev/full", "wb") as full:
                result = self.run_drkit(*words, stdout=full, code=1)
            self.assertIn("standard output", result.err)
            closed = ("sh", "-c", 'exec "$0" "$@" >&-')
            self.assertIn("standard output", self.run_drkit(*words, prefix=closed, code=1).err)

    def test_1_a_reader_that_left(self):
        self.init_and_backup()
        command = f"'{harness.DRKIT}' cat '{self.repo}' latest sub/numbers | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False,
                              env=self.environment(DRKIT_PASSWORD_FILE=str(self.password_file)))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"standard output", done.stderr)

    def test_2_usage(self):
        for words in ([], ["nonsense"], ["backup"], ["backup", "only-one"], ["ls", self.repo, "latest", "--nonsense"],
                      ["check", self.repo, "--level", "deep"], ["check", self.repo, "--sample", "0"],
                      ["backup", self.repo, self.tree, "--compression", "99"], ["key"]):
            result = self.run_drkit(*words, code=2)
            self.assertTrue(result.err.startswith("drkit: invalid_argument: "), result.err)

    def test_2_values_that_mean_nothing(self):
        self.init_and_backup()
        for words in (["snapshots", self.repo, "--tag", "novalue"], ["snapshots", self.repo, "--memory", "lots"],
                      ["backup", self.repo, self.tree, "--limit-upload", "fast"], ["cat", self.repo, "latest", "sub"],
                      ["cat", self.repo, "latest", "hello.txt", "--json"], ["restore", self.repo, "latest", "-", "--json"],
                      ["snapshots", "file://elsewhere/dir"], ["ls", self.repo, "x"]):
            self.one_line_error(self.run_drkit(*words, code=2), "invalid_argument")

    def test_2_options_that_the_source_does_not_know(self):
        self.make_tree()
        self.init()
        for source, option in (("exec:echo", ["--exclude", "**"]), ("exec:echo", ["--one-file-system"]),
                               ("exec:echo", ["--mode", "local"]), ("exec:echo", ["--what", "dump"]),
                               ("exec:echo", ["--limit-source", "1MiB"]), (self.tree, ["--mode", "stream"]),
                               (self.tree, ["--what", "dump"]), (self.tree, ["--limit-source", "1MiB"]),
                               (self.tree, ["--database", "shop"]), (self.tree, ["--bin-dir", "/usr/bin"]),
                               ("postgres:host=/nowhere", ["--database", "shop"]),
                               ("postgres:host=/nowhere", ["--bin-dir", "/usr/bin"]),
                               ("postgres:host=/nowhere", ["--exclude", "**"]),
                               ("postgres:host=/nowhere", ["--one-file-system"]),
                               ("postgres:host=/nowhere", ["--what", "dump", "--mode", "local"])):
            result = self.run_drkit("backup", self.repo, source, *option, code=2)
            self.one_line_error(result, "invalid_argument")
            self.assertIn("source=", result.err)
            self.assertRegex(result.err, option[-2 if len(option) > 1 else 0].strip("-").replace("-", "[-_]"))
        self.assertEqual(self.run_drkit("snapshots", self.repo, "--json").json["snapshots"], [])

    def test_2_addresses_of_servers(self):
        self.init()
        for verb in (["backup", self.repo], ["wal", "receive", self.repo]):
            for address in ("postgres:host=/nowhere password=hush", "postgres://u:hush@localhost/x"):
                result = self.run_drkit(*verb, address, code=2)
                self.one_line_error(result, "invalid_argument")
                self.assertIn("PGPASSWORD", result.err)
                self.assertNotIn("hush", result.err)
            result = self.run_drkit(*verb, "postgres:host=/nowhere bogus=1", code=2)
            self.assertIn("option=bogus", result.err)

    def test_2_options_that_the_target_does_not_know(self):
        self.init_and_backup()
        for option in (["--standby"], ["--no-tablespaces"], ["--bin-dir", "/usr/bin"]):
            result = self.run_drkit("restore", self.repo, "latest", self.dir / "out", *option, code=2)
            self.one_line_error(result, "invalid_argument")
            self.assertFalse((self.dir / "out").exists())

    def test_0_without_a_place_for_the_cache(self):
        self.init_and_backup()
        blocked = self.dir / "blocked"
        blocked.write_text("no folder")
        result = self.run_drkit("snapshots", self.repo, "--cache-dir", blocked / "cache")
        self.assertEqual(result.err.count("no local cache"), 1, result.err)

    def test_2_init_without_any_way_in(self):
        self.one_line_error(self.run_drkit("init", self.repo, password=False, code=2), "invalid_argument")
        self.assertFalse(self.repo.exists())

    def test_3_unreadable_file(self):
        self.make_tree()
        secret = self.tree / "sub" / "secret"
        secret.write_text("nobody reads this")
        secret.chmod(0)
        binary = self.dir / "drkit"
        shutil.copy(harness.DRKIT, binary)
        if harness.as_nobody():
            subprocess.run(["chown", "-R", f"{harness.NOBODY}:{harness.NOBODY}", str(self.dir)], check=True)
        options = {"prefix": harness.as_nobody(), "binary": binary}
        self.run_drkit("init", self.repo, **options)
        result = self.run_drkit("backup", self.repo, self.tree, code=3, **options)
        self.assertIn("partial", result.text)
        self.assertIn("sub/secret", result.err)
        self.assertIn("permission_denied", result.err)
        document = self.run_drkit("backup", self.repo, self.tree, "--json", code=3, **options).json
        self.assertEqual(document["status"], "partial")
        self.assertEqual([item["path"] for item in document["snapshot"]["problems"]], ["sub/secret"])
        restored = self.run_drkit("restore", self.repo, "latest", self.dir / "restored", code=3, **options)
        self.assertIn("sub/secret", restored.err)
        self.assertEqual((self.dir / "restored" / "hello.txt").read_text(), "hello\n")

    def test_4_not_found(self):
        missing = self.dir / "nothing"
        self.one_line_error(self.run_drkit("snapshots", missing, code=4), "not_found")
        self.assertFalse(missing.exists())
        self.init_and_backup()
        for words in (["ls", self.repo, "deadbeef"], ["ls", self.repo, "latest", "nowhere"], ["cat", self.repo, "latest", "nowhere"],
                      ["restore", self.repo, "deadbeef", self.dir / "r"], ["backup", self.repo, self.dir / "nowhere"],
                      ["snapshots", self.repo, "--password-file", "/nowhere"], ["key", "remove", self.repo, "ffffffff"],
                      ["manifest", self.repo, "latest", "nowhere"], ["forget", self.repo, "deadbeef"]):
            self.one_line_error(self.run_drkit(*words, code=4), "not_found")

    def test_4_a_foreign_directory_as_repository(self):
        self.make_tree()
        self.one_line_error(self.run_drkit("snapshots", self.tree, code=4), "not_found")
        self.one_line_error(self.run_drkit("backup", self.tree, "/etc/hostname", code=4), "not_found")
        self.assertEqual((self.tree / "hello.txt").read_text(), "hello\n")

    def test_5_damage(self):
        self.init_and_backup()
        target = self.objects()[0]
        data = bytearray(target.read_bytes())
        data[len(data) // 2] ^= 0x40
        target.chmod(0o600)
        target.write_bytes(data)
        result = self.run_drkit("check", self.repo, password=False, code=5)
        self.assertIn(target.name[:16], result.text)
        self.assertIn("DAMAGE", result.text)
        broken = self.run_drkit("restore", self.repo, "latest", self.dir / "restored", code=5)
        self.one_line_error(broken, "corrupt")

    def test_5_a_damaged_snapshot_hides_no_other(self):
        self.init_and_backup()
        self.run_drkit("backup", self.repo, self.tree)
        first, second = [one["id"] for one in self.run_drkit("snapshots", self.repo, "--json").json["snapshots"]]
        path = self.repo / "snapshots" / second
        path.chmod(0o600)
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.write_bytes(content)
        listed = self.run_drkit("snapshots", self.repo, code=5)
        self.assertIn(first[:8], listed.text)
        self.assertRegex(listed.text, f"{second[:8]} .*damaged")
        self.assertIn(second, listed.err)
        document = self.run_drkit("snapshots", self.repo, "--json", code=5).json
        self.assertEqual([one["id"] for one in document["snapshots"]], [first])
        self.assertEqual([one["id"] for one in document["damaged"]], [second])
        self.one_line_error(self.run_drkit("restore", self.repo, "latest", self.dir / "r1", code=5), "corrupt")
        self.run_drkit("restore", self.repo, first[:8], self.dir / "r2")
        self.run_drkit("forget", self.repo, second[:8])
        self.run_drkit("restore", self.repo, "latest", self.dir / "r3")

    def test_130_interrupted(self):
        self.init()
        for number in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen([harness.DRKIT, "backup", str(self.repo), "exec:echo begun; sleep 60", "--json"],
                                       env=self.environment(DRKIT_PASSWORD_FILE=str(self.password_file)),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(1.5)
            process.send_signal(number)
            begun = time.monotonic()
            out, err = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 130, err)
            self.assertLess(time.monotonic() - begun, 20)
            self.assertIn(b'"status": "interrupted"', out)
            self.assertTrue(err.startswith(b"drkit: cancelled: "), err)
        self.assertEqual(self.run_drkit("snapshots", self.repo, "--json").json["snapshots"], [])

    def test_quiet_keeps_results_and_errors(self):
        self.make_tree()
        self.init()
        result = self.run_drkit("backup", self.repo, self.tree, "--quiet")
        self.assertEqual((result.text, result.err), ("", ""))
        self.assertEqual(len(self.run_drkit("snapshots", self.repo, "-q").text.splitlines()), 1)
        self.assertNotEqual(self.run_drkit("ls", self.repo, "deadbeef", "-q", code=4).err, "")


if __name__ == "__main__":
    harness.main()
