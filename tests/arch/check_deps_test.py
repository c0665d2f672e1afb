#!/usr/bin/env python3
"""Plants one violation after the other in a small tree and demands that check_deps.py names it."""
import pathlib
import tempfile
import unittest

import check_deps

PROJECT = pathlib.Path(__file__).resolve().parents[2]

CLEAN = {
    "src/DEPS": (PROJECT / "src/DEPS").read_text(),
    "include/drkit/result.hpp": "#include <string>\n#include <drkit/export.hpp>\n",
    "include/drkit/export.hpp": "#pragma once\n",
    "capi/include/drkit.h": "#include <stdint.h>\n",
    "capi/src/guard.hpp": "#include <drkit/result.hpp>\n",
    "capi/src/error.cpp": '#include "guard.hpp"\n#include <drkit.h>\n',
    "examples/backup.c": "#include <drkit.h>\n#include <stdio.h>\n",
    "src/base/file.hpp": "#include <unistd.h>\n#include <fmt/format.h>\n",
    "src/crypto/cipher.hpp": '#include "base/file.hpp"\n#include <sodium.h>\n#include <openssl/evp.h>\n',
    "src/repo/packer.hpp": '#include "crypto/cipher.hpp"\n#include <drkit/result.hpp>\n',
    "src/repo/packer.cpp": '#include "packer.hpp"\n#include "repo/packer.hpp"\n',
    "src/storage/retry.hpp": "#include <chrono>\n",
    "src/storage/local/local.cpp": '#include "storage/retry.hpp"\n#include "base/file.hpp"\n#include <fcntl.h>\n',
    "src/storage/memory/memory.hpp": "#include <map>\n",
    "src/systems/postgres/source.cpp": "#include <libpq-fe.h>\n",
}


class Planted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name, text in CLEAN.items():
            self.put(name, text)

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def problems(self):
        return check_deps.Checker(self.root).run()

    def assert_named(self, name, text, *words):
        """The planted file is the only problem, and the message has the words."""
        self.put(name, text)
        found = self.problems()
        self.assertEqual(len(found), 1, found)
        for word in (name, *words):
            self.assertIn(word, found[0])

    def test_clean_tree(self):
        self.assertEqual(self.problems(), [])

    def test_upward(self):
        self.assert_named("src/base/up.cpp", '\n#include "repo/packer.hpp"\n', ":2:", "base may not include repo")

    def test_upward_by_relative_path(self):
        self.assert_named("src/base/up.cpp", '#include "../repo/packer.hpp"\n', "base may not include repo")

    def test_upward_in_angle_brackets(self):
        self.assert_named("src/crypto/up.cpp", "#  include <repo/packer.hpp>\n", "crypto may not include repo")

    def test_peer(self):
        self.assert_named("src/storage/peer.cpp", '#include "repo/packer.hpp"\n', "storage may not include repo")

    def test_sibling(self):
        self.assert_named("src/storage/local/b.cpp", '#include "storage/memory/memory.hpp"\n', "sibling storage/memory")

    def test_sibling_by_relative_path(self):
        self.assert_named("src/storage/local/b.cpp", '#include "../memory/memory.hpp"\n', "sibling storage/memory")

    def test_decorator_includes_driver(self):
        self.assert_named("src/storage/retry.cpp", '#include "memory/memory.hpp"\n', "sibling storage/memory")

    def test_third_party_outside_its_folder(self):
        self.assert_named("src/repo/key.cpp", "#include <sodium.h>\n", "(sodium) is not for repo")
        self.put("src/repo/key.cpp", "")
        self.assert_named("src/systems/process/a.cpp", "#include <libpq-fe.h>\n", "(libpq) is not for systems/process")

    def test_third_party_in_public_header(self):
        self.assert_named("include/drkit/json.hpp", "#include <nlohmann/json.hpp>\n", "(nlohmann)")

    def test_fmt_in_public_header(self):
        self.assert_named("include/drkit/text.hpp", "#include <fmt/format.h>\n", "(fmt)")

    def test_private_header_in_public_header(self):
        self.assert_named("include/drkit/leak.hpp", '#include "base/file.hpp"\n', "is not public")

    def test_system_header_where_none_is_allowed(self):
        self.assert_named("src/format/a.cpp", "#include <unistd.h>\n", "(posix) is not for format")

    def test_unlisted_header(self):
        self.assert_named("src/base/a.cpp", "#include <boost/any.hpp>\n", "belongs to no group")

    def test_missing_public_header(self):
        self.assert_named("src/base/a.cpp", "#include <drkit/gone.hpp>\n", "there is no include/drkit/gone.hpp")

    def test_unknown_folder(self):
        self.assert_named("src/helpers/a.cpp", "\n", "no line in src/DEPS")

    def test_face_includes_private_header(self):
        self.assert_named("capi/src/a.cpp", '#include "base/file.hpp"\n', "is not public")
        self.put("capi/src/a.cpp", "")
        self.assert_named("examples/cli/main.cpp", '#include "../../src/base/file.hpp"\n', "is not public")

    def test_long_file(self):
        self.put("src/base/long.cpp", "\n" * 400)
        self.assertEqual(self.problems(), [])
        self.assert_named("src/base/long.cpp", "\n" * 401, "more than 400 lines")

    def test_left_for_later(self):
        for word in ("TO" + "DO", "FIX" + "ME", "X" * 3):
            self.assert_named("python/drkit/a.py", f"\n# {word}: more\n", ":2:", "left for later")
        self.put("python/drkit/a.py", "template = 'XXXXXX'\n")
        self.assertEqual(self.problems(), [])

    def test_left_for_later_in_script(self):
        self.assert_named("tests/servers/start", "#!/bin/sh\n# " + "TO" + "DO\n", "left for later")


class Table(unittest.TestCase):
    def refuse(self, text, words):
        with self.assertRaisesRegex(check_deps.Broken, words):
            check_deps.parse_rules(text)

    def test_refused(self):
        self.refuse("base: repo |\nrepo: |\n", "may not name repo")
        self.refuse("base: base |\n", "may not name base")
        self.refuse("base: |\nbase: |\n", "twice")
        self.refuse("base: | boost\n", "nobody knows")
        self.refuse("base repo\n", "not `folder")


if __name__ == "__main__":
    unittest.main()
