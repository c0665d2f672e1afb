"""Storages from the command line: the probe, and where credentials come from."""
import os
import shutil
import time
import unittest

import harness


class Storage(harness.Case):
    def test_a_probe_tells_and_leaves_nothing(self):
        result = self.run_drkit("storage", "probe", self.repo, "--object-size", "100KiB", "--json", password=False)
        self.assertEqual(result.json["status"], "complete")
        probe = result.json["probe"]
        self.assertTrue(probe["safe"])
        self.assertIn("conditional_race", [one["id"] for one in probe["items"]])
        self.assertFalse([path for path in self.repo.rglob("*") if path.is_file()])
        table = self.run_drkit("storage", "probe", self.repo, "--small-objects", "2", password=False).text
        self.assertRegex(table, r"(?m)^half_written +ok ")
        self.assertIn("safe for a repository", table)

    def test_a_probe_of_what_cannot_be_asked_fails(self):
        result = self.run_drkit("storage", "probe", "sftp://me@127.0.0.1:1/dir", "--json", code=None, password=False,
                                env={"DRKIT_STORAGE_PASSWORD": "open sesame"})
        self.assertEqual(result.code, 1)
        self.assertEqual(result.json["error"]["code"], "unavailable")
        self.assertNotIn("sesame", result.text + result.err)

    def test_a_mirror_keeps_copies_and_says_what_one_lacks(self):
        self.make_tree()
        copies = [self.dir / f"copy{number}" for number in range(3)]
        mirror = "mirror:quorum=2|" + "|".join(map(str, copies))
        self.run_drkit("init", mirror)
        whole = self.run_drkit("backup", mirror, self.tree, "--json").json
        self.assertEqual(whole["status"], "complete")
        self.assertNotIn("mirror_gaps", whole)
        for copy in copies:
            self.run_drkit("check", copy, "--level", "chunks")
        # The third copy is away: a file is where its folder was.
        away = copies[2].rename(self.dir / "away")
        copies[2].write_text("not a folder")
        (self.tree / "more").write_bytes(bytes(range(256)) * 100)
        partial = self.run_drkit("backup", mirror, self.tree, "--json", code=3).json
        self.assertEqual(partial["status"], "partial")
        self.assertTrue(partial["mirror_gaps"])
        self.assertEqual({gap["copy"] for gap in partial["mirror_gaps"] if gap["key"]} - {3}, set())
        self.assertRegex(self.run_drkit("backup", mirror, self.tree, code=3).err, "copy 3 of the mirror lacks ")
        # It comes back and is brought up to date by the next backup.
        copies[2].unlink()
        away.rename(copies[2])
        self.run_drkit("backup", mirror, self.tree)
        listings = [self.run_drkit("snapshots", copy, "--json").json["snapshots"] for copy in copies]
        self.assertEqual(len(listings[2]), 4)
        self.assertEqual(listings[0], listings[2])
        self.run_drkit("restore", copies[2], partial["snapshot"]["id"], self.dir / "restored")
        self.assert_same_tree(self.tree, self.dir / "restored")

    def test_a_damaged_copy_of_a_mirror_is_read_around_told_and_healed(self):
        (self.tree / "sub").mkdir(parents=True)
        (self.tree / "sub" / "file").write_bytes(os.urandom(3_000_000))
        copies = [self.dir / f"copy{number}" for number in range(2)]
        mirror = "mirror:" + "|".join(map(str, copies))
        self.run_drkit("init", mirror)
        self.run_drkit("backup", mirror, self.tree)
        whole = {path.relative_to(copies[0]): path.read_bytes()
                 for path in copies[0].rglob("*") if path.is_file()}
        for kind, damage in (("data", self.flip), ("data", self.truncate), ("index", self.flip), ("snapshots", self.flip),
                             ("keys", self.flip), ("config", self.flip)):
            with self.subTest(kind=kind, damage=damage.__name__):
                name = max((one for one in whole if one.parts[0] == kind), key=lambda one: len(whole[one]))
                damage(copies[0] / name)
                target = self.dir / f"restored-{kind}-{damage.__name__}"
                self.run_drkit("restore", mirror, "latest", target)
                self.assert_same_tree(self.tree, target)
                found = self.run_drkit("check", mirror, "--level", "chunks", "--json", code=5).json
                self.assertEqual(found["status"], "damaged")
                named = {(finding["subject"], finding["message"][:7]) for finding in found["report"]["findings"]}
                self.assertIn((str(name), "copy 1,"), named)
                self.run_drkit("check", copies[0], "--level", "chunks", code=None)
                (copies[0] / name).unlink()
                self.run_drkit("backup", mirror, self.tree)
                self.assertEqual((copies[0] / name).read_bytes(), whole[name])
        self.run_drkit("check", mirror, "--level", "chunks")

    def make_mirror(self, quorum=""):
        self.make_tree()
        copies = [self.dir / f"copy{number}" for number in range(2)]
        mirror = f"mirror:{quorum}" + "|".join(map(str, copies))
        self.run_drkit("init", mirror)
        self.run_drkit("backup", mirror, self.tree)
        return mirror, copies

    def lose(self, copy, how):
        shutil.rmtree(copy)
        if how == "emptied":
            copy.mkdir()
        if how == "away":
            copy.write_text("not a folder")

    def test_a_copy_that_is_gone_is_read_around_and_told_once(self):
        for quorum, lost, how in (("", 0, "deleted"), ("", 1, "emptied"), ("", 1, "away"),
                                  ("quorum=1|", 0, "away"), ("quorum=1|", 1, "deleted")):
            with self.subTest(quorum=quorum, lost=lost, how=how):
                self.setUp()
                mirror, copies = self.make_mirror(quorum)
                self.lose(copies[lost], how)
                restored = self.run_drkit("restore", mirror, "latest", self.dir / "restored")
                self.assert_same_tree(self.tree, self.dir / "restored")
                warnings = [line for line in restored.err.splitlines() if "warning" in line]
                self.assertEqual(len(warnings), 1, restored.err)
                words = "is away" if how == "away" else "has no repository"
                self.assertIn(f"copy {lost + 1} of the mirror {words}", warnings[0])
                self.assertIn(str(copies[lost]), warnings[0])

    def test_a_backup_over_a_mirror_with_a_lost_copy(self):
        for how, words in (("deleted", "has no repository"), ("emptied", "has no repository"), ("away", "is away")):
            with self.subTest(how=how):
                self.setUp()
                mirror, copies = self.make_mirror()
                self.lose(copies[1], how)
                before = sorted(path for path in copies[0].rglob("*") if path.is_file())
                refused = self.run_drkit("backup", mirror, self.tree, "--json", code=1)
                message = refused.json["error"]["message"]
                self.assertIn(f"copy 2 of the mirror {words}", message)
                self.assertIn("use the address of another copy", message)
                self.assertEqual(before, sorted(path for path in copies[0].rglob("*") if path.is_file()))
                # The quorum that bears it: partial, with one gap that names the copy.
                one = mirror.replace("mirror:", "mirror:quorum=1|")
                partial = self.run_drkit("backup", one, self.tree, "--json", code=3)
                self.assertEqual(partial.json["status"], "partial")
                self.assertEqual([(gap["copy"], gap["key"]) for gap in partial.json["mirror_gaps"]], [(2, "")])
                self.assertIn(words, partial.json["mirror_gaps"][0]["reason"])
                self.assertRegex(self.run_drkit("backup", one, self.tree, code=3).err, "copy 2 of the mirror lacks objects")

    def test_a_new_place_for_a_lost_copy_is_filled_when_asked_to(self):
        mirror, copies = self.make_mirror()
        self.lose(copies[0], "deleted")
        settled = self.run_drkit("storage", "settle", mirror, "--json", password=False).json
        self.assertEqual(settled["status"], "complete")
        files = [sorted(path.relative_to(copy) for path in copy.rglob("*") if path.is_file() and "~/" not in str(path))
                 for copy in copies]
        self.assertEqual(files[0], files[1])
        self.assertEqual(settled["objects"], len(files[0]))
        self.run_drkit("check", copies[0], "--level", "chunks")
        self.run_drkit("backup", mirror, self.tree)
        again = self.run_drkit("storage", "settle", mirror, "--json", password=False).json
        self.assertEqual((again["status"], again["objects"]), ("complete", 0))
        shutil.rmtree(copies[1])
        copies[1].write_text("not a folder")
        self.run_drkit("storage", "settle", mirror, code=1, password=False)
        self.run_drkit("storage", "settle", self.repo, code=2, password=False)

    def test_what_goes_around_a_storage(self):
        self.make_tree()
        self.run_drkit("init", self.repo)
        around = ("--storage-calls", "2", "--limit-download", "1GiB", "--storage-cache", self.dir / "cache")
        self.run_drkit("backup", self.repo, self.tree, *around)
        refused = self.run_drkit("backup", self.repo, self.tree, "--storage-read-only", "--json", code=1)
        self.assertEqual(refused.json["error"]["code"], "permission_denied")
        self.run_drkit("init", self.dir / "new", "--storage-read-only", code=2)
        self.run_drkit("restore", self.repo, "latest", self.dir / "restored", "--storage-read-only", *around)
        self.assert_same_tree(self.tree, self.dir / "restored")
        self.assertTrue([path for path in (self.dir / "cache").rglob("*") if path.is_file()])
        for wrong in (("--limit-download", "fast"), ("--storage-calls", "0"), ("--storage-cache-size", "much")):
            self.run_drkit("snapshots", self.repo, *wrong, code=2)

    def test_a_limit_of_the_download_slows_down(self):
        (self.tree / "sub").mkdir(parents=True)
        (self.tree / "sub" / "file").write_bytes(os.urandom(1_500_000))
        self.run_drkit("init", self.repo)
        self.run_drkit("backup", self.repo, self.tree)
        self.run_drkit("backup", self.repo, self.tree, "--tag", "a=b")
        begin = time.monotonic()
        self.run_drkit("check", self.repo, "--level", "chunks", "--limit-download", "1MiB")
        self.assertGreater(time.monotonic() - begin, 2)

    @staticmethod
    def flip(path):
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 1
        path.write_bytes(data)

    @staticmethod
    def truncate(path):
        os.truncate(path, path.stat().st_size // 2)

    def test_addresses_of_mirrors(self):
        for wrong in ("mirror:", "mirror:mem:", "mirror:quorum=3|mem:|mem:", "mirror:quorum=x|mem:|mem:",
                      "mirror:mem:|mirror:mem:|mem:"):
            refused = self.run_drkit("snapshots", wrong, "--json", code=2)
            self.assertEqual(refused.json["error"]["code"], "invalid_argument")

    def test_only_object_lock_can_retain(self):
        refused = self.run_drkit("storage", "retain", self.repo, "--days", "3", "--json", code=1, password=False)
        self.assertEqual(refused.json["error"]["code"], "unsupported")
        nothing = self.run_drkit("storage", "retain", "s3://bucket/prefix", "--json", code=2, password=False)
        self.assertEqual(nothing.json["error"]["code"], "invalid_argument")

    def test_options_come_before_the_environment(self):
        words = ("snapshots", "sftp://127.0.0.1:1/dir", "--json")
        nobody = self.run_drkit(*words, code=2)
        self.assertIn("user", nobody.json["error"]["message"])
        somebody = self.run_drkit(*words, code=1, env={"DRKIT_STORAGE_USER": "me"})
        self.assertEqual(somebody.json["error"]["code"], "unavailable")
        self.assertEqual(self.run_drkit(*words, "--storage-user", "me", code=1).json["error"]["code"], "unavailable")
        proxied = self.run_drkit(*words, "--storage-user", "me", "--proxy", "http://proxy:1", code=1)
        self.assertEqual(proxied.json["error"]["code"], "unsupported")
        missing = self.run_drkit(*words, "--storage-user", "me", "--storage-password-file", self.dir / "no", code=4)
        self.assertIn("storage password file", missing.json["error"]["message"])


if __name__ == "__main__":
    unittest.main()
