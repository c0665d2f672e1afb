"""--json: one document on standard output, with the same keys in the same order, also on failure."""
import harness

SNAPSHOT = ["id", "status", "time", "time_ns", "source_kind", "source_name", "host", "tags", "stats", "private_readable",
            "receipt", "problems"]
STATS = ["entries", "files", "files_unchanged", "bytes", "bytes_read", "bytes_new", "bytes_stored", "chunks", "chunks_new",
         "problems", "duration_ns"]
RESTORE = ["entries", "files", "bytes", "bytes_fetched", "bytes_written", "bytes_kept", "problems", "duration_ns"]
ENTRY = ["path", "type", "mode", "uid", "gid", "user", "group", "mtime", "mtime_ns", "size_bytes"]


class Documents(harness.Case):
    def document(self, *words, code=0, **more):
        result = self.run_drkit(*words, "--json", code=code, **more)
        return result.json

    def test_init(self):
        document = self.document("init", self.repo)
        self.assertEqual(list(document), ["status", "repository"])
        self.assertRegex(document["repository"]["id"], "^[0-9a-f]{32}$")

    def test_backup_and_snapshots(self):
        self.make_tree()
        self.init()
        document = self.document("backup", self.repo, self.tree, "--tag", "a=b")
        self.assertEqual(list(document), ["status", "snapshot"])
        snapshot = document["snapshot"]
        self.assertEqual(list(snapshot), SNAPSHOT)
        self.assertEqual(list(snapshot["stats"]), STATS)
        self.assertRegex(snapshot["id"], "^[0-9a-f]{32}$")
        self.assertRegex(snapshot["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
        self.assertEqual(snapshot["source_kind"], "filesystem")
        self.assertEqual(snapshot["tags"], {"a": "b"})
        self.assertGreater(snapshot["stats"]["bytes"], 3_700_000)
        listed = self.document("snapshots", self.repo)
        self.assertEqual(list(listed), ["status", "snapshots", "damaged", "gaps"])
        self.assertEqual(listed["snapshots"][0]["id"], snapshot["id"])
        self.assertEqual(listed["snapshots"][0]["stats"], snapshot["stats"])

    def test_ls_and_manifest(self):
        self.init_and_backup()
        document = self.document("ls", self.repo, "latest")
        self.assertEqual(list(document), ["entries", "status"])
        entries = {entry["path"]: entry for entry in document["entries"]}
        self.assertEqual(list(entries[""]), ENTRY)
        self.assertEqual(list(entries["hello.txt"]), [*ENTRY, "sha256"])
        self.assertEqual(entries["link"]["link_target"], "hello.txt")
        self.assertEqual(entries["link"]["type"], "symlink")
        self.assertEqual(entries["sub/deep/script"]["mode"], 0o750)
        files = self.document("manifest", self.repo, "latest", "sub")
        self.assertEqual(list(files), ["files", "status"])
        self.assertEqual(list(files["files"][0]), ["sha256", "path", "size_bytes"])

    def test_restore_and_plan(self):
        self.init_and_backup()
        plan = self.document("restore", self.repo, "latest", self.dir / "r", "--plan")
        self.assertEqual(list(plan), ["status", "plan"])
        self.assertEqual(list(plan["plan"]), RESTORE)
        done = self.document("restore", self.repo, "latest", self.dir / "r")
        self.assertEqual(list(done), ["status", "stats", "problems"])
        self.assertEqual(list(done["stats"]), RESTORE)
        self.assertEqual(done["stats"]["files"], plan["plan"]["files"])

    def test_diff(self):
        first = self.init_and_backup()
        (self.tree / "new").write_text("new")
        self.backup()
        document = self.document("diff", self.repo, first["id"], "latest")
        self.assertEqual(list(document), ["changes", "status", "added", "removed", "modified"])
        self.assertEqual((document["added"], document["removed"]), (1, 0))
        added = [change for change in document["changes"] if change["change"] == "added"]
        self.assertEqual([change["path"] for change in added], ["new"])
        same = self.document("diff", self.repo, "latest", "latest")
        self.assertEqual(same, {"changes": [], "status": "complete", "added": 0, "removed": 0, "modified": 0})

    def test_check(self):
        self.init_and_backup()
        document = self.document("check", self.repo, "latest", "--level", "files")
        self.assertEqual(list(document), ["status", "report"])
        self.assertEqual(list(document["report"]), ["ok", "status", "repository_id", "storage", "snapshot_id", "level",
                                                    "sample_percent", "time", "time_ns", "duration_ns", "runs",
                                                    "snapshots", "not_looked_at", "findings", "findings_left_out"])
        self.assertEqual((document["status"], document["report"]["ok"]), ("complete", True))
        self.assertTrue(document["report"]["runs"])

    def test_forget_and_version(self):
        snapshot = self.init_and_backup()
        self.assertEqual(self.document("forget", self.repo, "latest"), {"status": "complete", "forgotten": [snapshot["id"]]})
        self.assertEqual(list(self.document("version")), ["status", "version", "format_version"])

    def test_failures(self):
        self.init_and_backup()
        for words, code, name in ((["snapshots", self.dir / "no"], 4, "not_found"), (["backup", "x"], 2, "invalid_argument"),
                                  (["ls", self.repo, "deadbeef"], 4, "not_found"), (["init", self.repo], 1, "already_exists"),
                                  (["ls", self.repo, "latest", "nowhere"], 4, "not_found")):
            document = self.document(*words, code=code)
            self.assertEqual((document["status"], document["error"]["code"]), ("failed", name), words)
            self.assertTrue(document["error"]["message"])
        bad = self.document("snapshots", self.repo, code=1, env={"DRKIT_PASSWORD": "wrong"})
        self.assertEqual(bad["error"]["code"], "bad_key")


if __name__ == "__main__":
    harness.main()
