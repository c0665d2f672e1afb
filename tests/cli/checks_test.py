"""drkit check: levels, what needs no password, reports in files."""
import xml.etree.ElementTree

import harness


class Checks(harness.Case):
    def damage(self, number=0):
        target = self.objects()[number]
        data = bytearray(target.read_bytes())
        data[len(data) // 2] ^= 1
        target.chmod(0o600)
        target.write_bytes(data)
        return target

    def test_objects_needs_no_password(self):
        self.init_and_backup()
        text = self.run_drkit("check", self.repo, password=False).text
        self.assertIn("no damage found", text)
        self.run_drkit("check", self.repo, "--sample", "50", password=False)
        self.one_line_error(self.run_drkit("check", self.repo, "--level", "chunks", password=False, code=1), "unauthenticated")

    def test_every_level_on_a_sound_repository(self):
        self.init_and_backup()
        for level in ("objects", "chunks", "files"):
            for words in ([self.repo], [self.repo, "latest"]):
                document = self.run_drkit("check", *words, "--level", level, "--json").json
                self.assertTrue(document["report"]["ok"])
                self.assertEqual(document["report"]["level"], level)
                self.assertGreater(sum(run["looked_at"] for run in document["report"]["runs"]), 0)

    def test_damage_is_found_and_named_at_every_level(self):
        self.init_and_backup()
        target = self.damage()
        for level in ("objects", "chunks", "files"):
            document = self.run_drkit("check", self.repo, "--level", level, "--json", code=5).json
            self.assertEqual(document["status"], "damaged")
            found = document["report"]["findings"]
            self.assertTrue(any(target.name in finding["subject"] + finding["message"] for finding in found), found)

    def test_a_missing_object_is_damage(self):
        self.init_and_backup()
        self.objects()[0].unlink()
        self.run_drkit("check", self.repo, "latest", "--level", "chunks", code=5)

    def test_reports_in_files(self):
        self.init_and_backup()
        page, junit = self.dir / "check.html", self.dir / "check.xml"
        self.run_drkit("check", self.repo, "latest", "--level", "files", "--report", page, "--junit", junit)
        self.assertIn("No damage found", page.read_text())
        self.assertNotIn("<script", page.read_text())
        suite = xml.etree.ElementTree.parse(junit).getroot()
        self.assertEqual(suite.attrib["failures"], "0")
        self.assertGreater(int(suite.attrib["tests"]), 0)
        self.damage()
        self.run_drkit("check", self.repo, "latest", "--level", "files", "--report", page, "--junit", junit, code=5)
        self.assertIn("Damage found", page.read_text())
        self.assertGreater(int(xml.etree.ElementTree.parse(junit).getroot().attrib["failures"]), 0)

    def test_a_report_that_cannot_be_written_is_a_failure(self):
        self.init_and_backup()
        result = self.run_drkit("check", self.repo, "--report", "/dev/full", code=1)
        self.assertIn("report", result.err)
        self.assertIn("no damage found", result.text)

    def test_a_report_that_cannot_be_written_hides_no_damage(self):
        self.init_and_backup()
        target = self.damage()
        junit = self.dir / "check.xml"
        result = self.run_drkit("check", self.repo, "--report", "/dev/full", "--junit", junit, code=5)
        self.assertIn("DAMAGE FOUND", result.text)
        self.assertIn(target.name, result.text)
        self.assertIn("/dev/full", result.err)
        self.assertGreater(int(xml.etree.ElementTree.parse(junit).getroot().attrib["failures"]), 0)
        document = self.run_drkit("check", self.repo, "--report", "/dev/full", "--json", code=5)
        self.assertEqual(document.json["status"], "damaged")
        self.assertIn("/dev/full", document.err)


if __name__ == "__main__":
    harness.main()
