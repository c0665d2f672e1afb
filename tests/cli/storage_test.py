"""Storages from the command line: the probe, and where credentials come from."""
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
