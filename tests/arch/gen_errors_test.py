#!/usr/bin/env python3
import unittest

import gen_errors


class Table(unittest.TestCase):
    def test_page_shows_every_face(self):
        entries = gen_errors.parse('// words\nDRKIT_ERROR_CODE(ok, 0, "success")\nDRKIT_ERROR_CODE(bad_key, 51, "no key")\n')
        self.assertEqual(entries, [("ok", 0, "success"), ("bad_key", 51, "no key")])
        self.assertTrue(gen_errors.page(entries).endswith("| 51 | `bad_key` | `DRK_BAD_KEY` | no key |\n"))

    def test_refused(self):
        for table in (
            'DRKIT_ERROR_CODE(a, 1, "x")\nDRKIT_ERROR_CODE(b, 1, "y")\n',
            'DRKIT_ERROR_CODE(a, 2, "x")\nDRKIT_ERROR_CODE(b, 1, "y")\n',
            'DRKIT_ERROR_CODE(a, 1, "x")\nDRKIT_ERROR_CODE(a, 2, "y")\n',
            "DRKIT_ERROR_CODE(a, one)\n",
        ):
            with self.assertRaises(ValueError, msg=table):
                gen_errors.parse(table)


if __name__ == "__main__":
    unittest.main()
