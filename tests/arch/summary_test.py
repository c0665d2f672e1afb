#!/usr/bin/env python3
import pathlib
import tempfile
import unittest

import summary

SUITE = '<testsuite><testcase name="a" status="run"/>{}</testsuite>'


class Count(unittest.TestCase):
    def count(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "tests.xml")
            path.write_text(text)
            return summary.count([path])

    def test_all_passed(self):
        self.assertEqual(self.count(SUITE.format("")), (1, []))

    def test_whatever_did_not_pass_failed(self):
        for bad in ('<testcase name="b" status="fail"><failure message="no"/></testcase>',
                    '<testcase name="b" status="notrun"><skipped message="no"/></testcase>',
                    '<testcase name="b" status="disabled"/>'):
            passed, failures = self.count(SUITE.format(bad))
            self.assertEqual((passed, len(failures)), (1, 1), bad)
            self.assertTrue(failures[0].startswith("b: "))

    def test_nothing_ran(self):
        self.assertEqual(len(self.count("<testsuite/>")[1]), 1)
        self.assertEqual(len(self.count("no xml")[1]), 1)
        self.assertEqual(len(summary.count([pathlib.Path("/nonexistent")])[1]), 1)


if __name__ == "__main__":
    unittest.main()
