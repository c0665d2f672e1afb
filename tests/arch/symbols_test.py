#!/usr/bin/env python3
import unittest

import symbols


class Names(unittest.TestCase):
    def test_public(self):
        names = ["drk_backup", "drkit::Clock::system()", "typeinfo for drkit::Clock", "vtable for drkit::LogSink"]
        self.assertEqual(list(symbols.problems(names, {"base"})), [])

    def test_named(self):
        for name in ("std::vector<int>::push_back(int const&)", "base64_decode", "drkit::base::open_file()",
                     "typeinfo for drkit::base::File", "drkit::(anonymous namespace)::x", "fmt::v9::vformat()"):
            self.assertEqual(len(list(symbols.problems([name], {"base"}))), 1, name)


if __name__ == "__main__":
    unittest.main()
