"""drkit check: what is lost is found, and what was not looked at is said, in every rendering."""
import os
import shutil
import xml.etree.ElementTree

import harness


class Honesty(harness.Case):
    def check(self, *words, code, **more):
        """The same answer as text, document, page and JUnit; the document's report and all texts come back."""
        page, junit = self.dir / "check.html", self.dir / "check.xml"
        text = self.run_drkit("check", self.repo, *words, "--report", page, "--junit", junit, code=code, **more).text
        document = self.run_drkit("check", self.repo, *words, "--json", code=code, **more).json
        xml.etree.ElementTree.parse(junit)
        self.assertEqual(document["status"], {0: "complete", 3: "partial", 5: "damaged"}[code])
        self.assertEqual(document["report"]["ok"], code == 0)
        return document["report"], text, page.read_text(), junit.read_text()

    def named(self, report, code):
        return {finding["subject"] for finding in report["findings"] if finding["code"] == code}

    def in_all(self, what, answers):
        for answer in answers:
            self.assertIn(what, answer)

    def objects_below(self, folder):
        return sorted(path for path in (self.repo / folder).rglob("*") if path.is_file())

    def make_tree(self):
        super().make_tree()
        (self.tree / "random").write_bytes(os.urandom(300_000))


class Losses(Honesty):
    def test_removed_packs_are_named_with_the_snapshots_that_need_them(self):
        first = self.init_and_backup()
        packs = self.objects_below("data")
        (self.tree / "new").write_bytes(os.urandom(200_000))
        second = self.backup()
        for pack in packs:
            pack.unlink()
        keys = {str(pack.relative_to(self.repo)) for pack in packs}
        report, *answers = self.check(code=5)
        self.assertEqual(self.named(report, "pack_missing"), keys)
        for finding in report["findings"]:
            if finding["code"] == "pack_missing":
                self.assertEqual(finding["snapshots"], [first["id"], second["id"]])
        for key in keys:
            self.in_all(key, answers)
        self.in_all(first["id"][:8], answers)
        report, *_ = self.check("latest", code=5)
        self.assertEqual(self.named(report, "pack_missing"), keys)
        report, *_ = self.check("--level", "chunks", "--sample", "1", code=5)
        self.assertEqual(self.named(report, "pack_missing"), keys)

    def test_packs_that_no_snapshot_needs_any_more_are_named_all_the_same(self):
        self.init_and_backup()
        pack = self.objects_below("data")[0]
        self.run_drkit("forget", self.repo, "latest")
        pack.unlink()
        report, *_ = self.check(code=5)
        self.assertEqual(self.named(report, "pack_missing"), {str(pack.relative_to(self.repo))})

    def test_a_removed_index_object_is_damage_and_its_packs_are_named(self):
        self.init_and_backup()
        old = self.objects_below("index")
        (self.tree / "new").write_bytes(os.urandom(200_000))
        before = {str(path.relative_to(self.repo)) for folder in ("data", "meta") for path in self.objects_below(folder)}
        snapshot = self.backup()
        for path in old:
            path.unlink()
        report, *answers = self.check(code=5)
        # The older manifest lies in a pack that nothing lists now; the newer one shows what it needs in vain.
        self.assertEqual(self.named(report, "pack_unlisted"), before)
        self.assertIn(snapshot["id"], self.named(report, "chunks_unlisted"))
        self.in_all("chunks_unlisted", answers)
        # A backup finds the packs and lists them again: then nothing is lost.
        self.backup()
        self.check(code=0)

    def test_without_any_index_object_the_loss_shows_without_a_key(self):
        self.init_and_backup()
        shutil.rmtree(self.repo / "index")
        report, *_ = self.check(code=5, password=False)
        self.assertEqual(self.named(report, "index_missing"), {"index/"})

    def test_without_any_key_slot_nobody_opens_it(self):
        self.init_and_backup()
        shutil.rmtree(self.repo / "keys")
        for password in (False, True):
            report, *answers = self.check(code=5, password=password)
            self.assertEqual(self.named(report, "no_key_slot"), {"keys/"})
            self.in_all("no_key_slot", answers)

    def test_a_lost_snapshot_is_damage(self):
        snapshot = self.init_and_backup()
        self.backup()
        (self.repo / "snapshots" / snapshot["id"]).unlink()
        # This machine remembers; another one learns it from the snapshot that came after.
        for words in ((), ("--cache-dir", "")):
            self.run_drkit("check", self.repo, *words, code=5)

    def test_without_a_key_it_is_said_what_cannot_be_told(self):
        self.init_and_backup()
        self.objects_below("data")[0].unlink()
        report, *answers = self.check(code=0, password=False)
        self.assertTrue(report["not_looked_at"])
        self.in_all("without a key", answers)
        self.assertIn("no damage found in what was looked at", answers[0])
        self.assertIn("No damage found in what was looked at", answers[1])
        self.assertEqual(report["snapshots"], [])
        self.check(code=5)

    def test_a_key_that_only_writes_finds_lost_packs_and_says_what_it_cannot_read(self):
        self.init_and_backup()
        key = self.dir / "writer"
        self.run_drkit("keygen", key)
        self.run_drkit("key", "add", self.repo, "--recipient", f"{key}.pub", "--role", "write")
        report, *answers = self.check("--key-file", key, code=0, password=False)
        self.assertEqual(len(report["not_looked_at"]), 1)
        self.in_all("this key may add backups and not read them", answers)
        pack = self.objects_below("data")[0]
        pack.unlink()
        report, *_ = self.check("--key-file", key, code=5, password=False)
        self.assertEqual(self.named(report, "pack_missing"), {str(pack.relative_to(self.repo))})

    def test_a_wrong_password_is_not_passed_over(self):
        self.init_and_backup()
        done = self.run_drkit("check", self.repo, env={"DRKIT_PASSWORD": "wrong"}, code=1)
        self.one_line_error(done, "bad_key")

    def test_damage_of_what_opening_needs_is_named(self):
        self.init_and_backup()
        config = self.repo / "config"
        config.chmod(0o600)
        config.write_bytes(config.read_bytes()[:-1])
        report, *answers = self.check(code=5)
        self.assertEqual(self.named(report, "object_damaged"), {"config"})
        self.in_all("the one given does not open", answers)


class Requests(Honesty):
    def test_a_level_that_nothing_reaches_is_refused(self):
        self.init_and_backup()
        for words in (["latest"], []):
            done = self.run_drkit("check", self.repo, *words, "--level", "boot", code=2)
            self.one_line_error(done, "invalid_argument")
            self.assertIn("can be started", done.err)
            self.assertIn("highest=files", done.err)
        document = self.run_drkit("check", self.repo, "latest", "--level", "boot", "--json", code=2).json
        self.assertEqual(document["error"]["context"]["highest"], "files")

    def test_options_of_boot_are_refused_below_it(self):
        self.init_and_backup()
        sql = self.dir / "questions.sql"
        sql.write_text("SELECT true;\n")
        for option in ("--sql", "--scratch", "--bin-dir"):
            for level in ("objects", "chunks", "files"):
                done = self.run_drkit("check", self.repo, "latest", "--level", level, option, sql, code=2)
                self.one_line_error(done, "invalid_argument")
                self.assertIn(f"option={option}", done.err)
        self.run_drkit("check", self.repo, "latest", "--level", "boot", "--sql", sql, code=2)
        sql.write_text("-- nothing\n")
        done = self.run_drkit("check", self.repo, "latest", "--level", "boot", "--sql", sql, code=2)
        self.assertIn("no statement", done.err)

    def test_a_sample_says_that_it_is_one(self):
        self.init_and_backup()
        for words in (["--sample", "40"], ["--sample", "40", "--level", "chunks"], ["latest", "--sample", "40"]):
            report, *answers = self.check(*words, code=0)
            self.assertEqual(report["sample_percent"], 40)
            for answer, said in zip(answers, ("a sample of 40 %", "a sample of 40 %", 'name="sample_percent" value="40"')):
                self.assertIn(said, answer)
        self.assertIn("always the same ones", answers[1])
        report, _, page, _ = self.check(code=0)
        self.assertEqual(report["sample_percent"], 100)
        self.assertNotIn("a sample of", page)
        done = self.run_drkit("check", self.repo, "latest", "--level", "files", "--sample", "40", code=2)
        self.assertIn("sample_percent", done.err)


class Reports(Honesty):
    def test_a_partial_snapshot_never_looks_like_success(self):
        self.make_tree()
        for name in ("secret", "other"):
            (self.tree / name).write_text("x")
            (self.tree / name).chmod(0)
        prefix = harness.as_nobody()
        if prefix:
            self.run_as_nobody(prefix)
        else:
            self.init()
            self.backup(code=3)
        for words in ([], ["latest"]):
            for level in ("objects", "chunks", "files"):
                report, text, page, junit = self.check(*words, "--level", level, code=3)
                self.assertEqual([one["entries_missing"] for one in report["snapshots"]], [2])
                self.assertIn("PARTIAL", text)
                self.assertIn("2 entries that its backup could not read", text)
                self.assertIn("Partial: 2 entries never backed up", page)
                self.assertNotIn("No damage found", page)
                self.assertIn('type="partial"', junit)
                self.assertEqual(self.named(report, "entry_missing"), {"secret", "other"})

    def run_as_nobody(self, prefix):
        """Root reads everything: the backup is somebody else's."""
        import subprocess
        subprocess.run(["chown", "-R", f"{harness.NOBODY}:{harness.NOBODY}", str(self.dir)], check=True)
        self.run_drkit("init", self.repo, prefix=prefix)
        self.run_drkit("backup", self.repo, self.tree, prefix=prefix, code=3)

    def test_a_damaged_chunk_is_told_once_with_its_snapshots(self):
        ids = [self.init_and_backup()["id"]]
        pack = max(self.objects_below("data"), key=lambda path: path.stat().st_size)
        for number in range(3):
            (self.tree / f"new{number}").write_text(str(number))
            ids.append(self.backup()["id"])
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.chmod(0o600)
        pack.write_bytes(data)
        report, *answers = self.check("--level", "files", code=5)
        chunks = [finding for finding in report["findings"] if finding["code"] == "chunk_damaged"]
        self.assertTrue(chunks)
        self.assertEqual(len({(finding["subject"], finding["message"]) for finding in chunks}), len(chunks))
        for finding in chunks:
            self.assertEqual(finding["snapshots"], ids)
        self.in_all(", ".join(one[:8] for one in ids), answers)

    def test_a_report_says_of_what_it_is(self):
        first = self.init_and_backup()
        identity = self.run_drkit("check", self.repo, "latest", "--json").json["report"]["repository_id"]
        for words, password in (([], False), ([], True), (["latest", "--level", "files"], True)):
            report, _, page, junit = self.check(*words, code=0, password=password)
            self.assertEqual((report["repository_id"], report["storage"]), (identity, f"file://{self.repo}"))
            for answer in (page, junit):
                self.assertIn(identity, answer)
                self.assertIn(str(self.repo), answer)
        self.assertEqual(report["snapshots"], [{"id": first["id"], "level": "files", "entries_missing": 0}])

    def test_unreadable_entries_are_told_once(self):
        self.make_tree()
        (self.tree / "secret").write_text("x")
        (self.tree / "secret").chmod(0)
        prefix = harness.as_nobody()
        import subprocess
        if prefix:
            subprocess.run(["chown", "-R", f"{harness.NOBODY}:{harness.NOBODY}", str(self.dir)], check=True)
        self.run_drkit("init", self.repo, prefix=prefix)
        done = self.run_drkit("backup", self.repo, self.tree, prefix=prefix, code=3)
        self.assertEqual(done.err.count("secret"), 1, done.err)


if __name__ == "__main__":
    harness.main()
