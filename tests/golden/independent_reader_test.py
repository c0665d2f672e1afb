"""The independent reader gives every golden repository back as it was and refuses damage."""
import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import independent_reader as reader  # noqa: E402

GOLDEN = sorted(p for p in (HERE / "v1").iterdir() if p.is_dir())


def open_golden(place, how="password.txt", repository=None):
    text = (place / how).read_text()
    keys = {"password": text.encode()} if how == "password.txt" else {"key_text": text}
    opened = reader.Repository(repository or place / "repository", **keys)
    opened.load_index()
    return opened


class GoldenTest(unittest.TestCase):
    maxDiff = 2000

    def test_there_are_repositories(self):
        self.assertGreaterEqual(len(GOLDEN), 4)

    def test_entries(self):
        for place in GOLDEN:
            expected = json.loads((place / "expected.json").read_text())["snapshots"]
            for how in ("password.txt", "owner.key"):
                with self.subTest(place=place.name, how=how):
                    repository = open_golden(place, how)
                    snapshots = repository.load_snapshots()
                    self.assertEqual([s["id"] for s in snapshots], [e["id"] for e in expected])
                    for snapshot, wanted in zip(snapshots, expected):
                        self.assertEqual(snapshot["status"], wanted["status"])
                        self.assertEqual(snapshot["time_ns"], wanted["time_ns"])
                        tags = {k.encode(): v.encode() for k, v in wanted["tags"].items()}
                        self.assertEqual(snapshot["tags"], tags)
                        self.assertEqual(snapshot["host"].hex(), wanted["host_hex"])
                        entries = [reader.describe(r) for r in repository.records(snapshot)]
                        known = [{k: v for k, v in e.items() if k != "true_sha256"} for e in wanted["entries"]]
                        self.assertEqual(entries, known)

    def test_verify(self):
        for place in GOLDEN:
            with self.subTest(place=place.name):
                seen = reader.verify(open_golden(place))
                self.assertGreater(seen["packs"], 1)
                self.assertGreater(seen["chunks"], 1)

    def test_write_only_key(self):
        for place in GOLDEN:
            with self.subTest(place=place.name):
                repository = open_golden(place, "host.key")
                reader.verify(repository)
                with self.assertRaises(reader.Corrupt):
                    list(repository.records(repository.load_snapshots()[0]))

    def test_wrong_password(self):
        with self.assertRaises(reader.BadKey):
            reader.Repository(GOLDEN[0] / "repository", password=b"wrong")

    def test_restore(self):
        for place in GOLDEN:
            for wanted in json.loads((place / "expected.json").read_text())["snapshots"]:
                with self.subTest(place=place.name, snapshot=wanted["id"]), tempfile.TemporaryDirectory() as root:
                    repository = open_golden(place)
                    target = os.path.join(root, "restored")
                    problems = reader.Restore(repository, target).run(repository.find(wanted["id"]))
                    self.assertEqual(problems > 0, wanted["status"] == "partial")
                    for entry in wanted["entries"]:
                        self.check_restored(entry, os.fsencode(target))

    def check_restored(self, entry, root):
        path = os.path.join(root, bytes.fromhex(entry["path_hex"]))
        if "problem" in entry:
            return self.assertFalse(os.path.lexists(path))
        kind = entry["type"]
        status = os.lstat(path)
        if kind == "symlink":
            self.assertEqual(os.readlink(path).hex(), entry["link_hex"])
        elif kind in ("regular", "stream"):
            data = Path(os.fsdecode(path)).read_bytes()
            wanted = entry.get("sha256", entry.get("true_sha256"))
            self.assertEqual((len(data), hashlib.sha256(data).hexdigest()), (entry["size"], wanted))
        elif kind == "hardlink":
            first = os.path.join(root, bytes.fromhex(entry["link_hex"]))
            self.assertTrue(os.path.samefile(path, first))
        elif kind == "fifo":
            self.assertTrue(stat.S_ISFIFO(status.st_mode))
        if kind not in ("symlink", "stream"):
            self.assertEqual(stat.S_IMODE(status.st_mode), entry["mode"])
        if kind != "stream":
            self.assertEqual(status.st_mtime_ns, entry["mtime_ns"])

    def test_every_object_is_checked(self):
        place = HERE / "v1" / "history"
        names = [p.relative_to(place / "repository") for p in (place / "repository").rglob("*") if p.is_file()]
        for name in sorted(names):
            if name.parts[0] == "keys":
                continue  # another slot opens the repository all the same
            with self.subTest(name=str(name)), tempfile.TemporaryDirectory() as root:
                copy = Path(root) / "repository"
                shutil.copytree(place / "repository", copy)
                data = bytearray((copy / name).read_bytes())
                data[len(data) // 2] ^= 0x10
                (copy / name).write_bytes(data)
                with self.assertRaises(reader.Corrupt):
                    reader.verify(open_golden(place, repository=copy))

    def test_a_slot_is_checked(self):
        place = HERE / "v1" / "history"
        with tempfile.TemporaryDirectory() as root:
            copy = Path(root) / "repository"
            shutil.copytree(place / "repository", copy)
            for name in (copy / "keys").iterdir():
                data = bytearray(name.read_bytes())
                data[len(data) // 2] ^= 0x10
                name.write_bytes(data)
            with self.assertRaises(reader.Corrupt):
                open_golden(place, repository=copy)

    def test_a_missing_snapshot_is_noticed(self):
        place = HERE / "v1" / "tree"
        first = json.loads((place / "expected.json").read_text())["snapshots"][0]["id"]
        with tempfile.TemporaryDirectory() as root:
            copy = Path(root) / "repository"
            shutil.copytree(place / "repository", copy)
            (copy / "snapshots" / first).unlink()
            with self.assertRaisesRegex(reader.Corrupt, "never forgotten"):
                open_golden(place, repository=copy).load_snapshots()

    def test_renamed_objects_are_noticed(self):
        place = HERE / "v1" / "tree"
        ids = [s["id"] for s in json.loads((place / "expected.json").read_text())["snapshots"]]
        with tempfile.TemporaryDirectory() as root:
            copy = Path(root) / "repository"
            shutil.copytree(place / "repository", copy)
            os.rename(copy / "snapshots" / ids[0], copy / "snapshots" / "exchange")
            os.rename(copy / "snapshots" / ids[1], copy / "snapshots" / ids[0])
            os.rename(copy / "snapshots" / "exchange", copy / "snapshots" / ids[1])
            with self.assertRaisesRegex(reader.Corrupt, "does not open"):
                open_golden(place, repository=copy).load_snapshots()


if __name__ == "__main__":
    unittest.main()
