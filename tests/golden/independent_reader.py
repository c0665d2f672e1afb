#!/usr/bin/env python3
"""Reads a drkit repository of format 1 without libdrkit, from docs/format/v1.md alone.

    independent_reader.py REPOSITORY (--password-file F | --key-file F) list
    independent_reader.py REPOSITORY ... verify              everything that the specification demands
    independent_reader.py REPOSITORY ... entries SNAPSHOT    what is in it, as JSON
    independent_reader.py REPOSITORY ... restore SNAPSHOT DIRECTORY

The repository is a directory. Needs PyNaCl and zstandard. It proves that the specification is complete, and gives data
back where nothing else is left; it holds whole objects in memory and makes no attempt to be fast.
"""
import argparse
import json
import os
import stat
import sys
from pathlib import Path


from reader_bytes import *  # noqa: F403
from reader_repository import Repository


class Restore:
    """Makes a tree; everything is reached from the target's directory without following a link."""

    def __init__(self, repository, root):
        self.repository, self.root = repository, os.fsencode(os.path.abspath(root))
        self.directories, self.links, self.problems = [], [], 0

    def place(self, path):
        return os.path.join(self.root, path) if path else self.root

    def run(self, snapshot):
        os.makedirs(self.root, exist_ok=True)
        require(not os.listdir(self.root), "the target is not empty")
        for record in self.repository.records(snapshot):
            self.make(record)
        for record in self.links:
            self.make_parents(record["path"])
            require(stat.S_ISREG(os.lstat(self.place(record["link"])).st_mode), "a hard link to no file")
            os.link(self.place(record["link"]), self.place(record["path"]))
        for record in reversed(self.directories):
            self.apply(record)
        return self.problems

    def make_parents(self, path):
        for end in [i for i, byte in enumerate(path) if byte == 0x2F]:
            place = self.place(path[:end])
            if os.path.islink(place):
                os.unlink(place)  # what it led to was backed up with it
            if not os.path.lexists(place):
                os.mkdir(place, 0o700)
            require(stat.S_ISDIR(os.lstat(place).st_mode), "a record lies below a file")

    def make(self, record):
        path, kind = self.place(record["path"]), record["type"]
        if record["problem"]:
            self.problems += 1
            print(f"missing: {record['path']!r}: {os.fsdecode(record['problem'][1])}", file=sys.stderr)
        self.make_parents(record["path"])
        if kind == "directory":
            if record["path"]:
                os.mkdir(path, 0o700)
            self.directories.append(record)
        elif record["problem"]:
            return
        elif kind in ("regular", "stream"):
            with open(path, "xb") as file:
                for offset, data in self.repository.content(record):
                    file.seek(offset)
                    file.write(data)
                file.truncate(record["size"])
            self.apply(record)
        elif kind == "symlink":
            os.symlink(record["link"], path)
            self.apply(record)
        elif kind == "hardlink":
            self.links.append(record)
        else:
            self.make_special(record, path)

    def make_special(self, record, path):
        modes = {"fifo": stat.S_IFIFO, "socket": stat.S_IFSOCK, "char_device": stat.S_IFCHR,
                 "block_device": stat.S_IFBLK}
        try:
            os.mknod(path, modes[record["type"]] | 0o600, record["device"])
        except PermissionError as error:
            print(f"not made: {error}", file=sys.stderr)
            return
        self.apply(record)

    def apply(self, record):
        path, link = self.place(record["path"]), record["type"] == "symlink"
        if record["type"] == "stream":
            return
        if os.geteuid() == 0:
            os.lchown(path, record["uid"], record["gid"])
        for name, value in record["xattrs"]:
            try:
                os.setxattr(path, name, value, follow_symlinks=False)
            except OSError as error:
                print(f"{record['path']!r}: {os.fsdecode(name)} not set: {error.strerror}", file=sys.stderr)
        if not link:
            os.chmod(path, record["mode"])
        os.utime(path, ns=(record["mtime_ns"], record["mtime_ns"]), follow_symlinks=False)


def describe(record):
    """As expected.json has it."""
    shown = {"path_hex": record["path"].hex(), "type": record["type"], "mode": record["mode"],
             "mtime_ns": record["mtime_ns"], "size": record["size"]}
    if record["link"]:
        shown["link_hex"] = record["link"].hex()
    if record["problem"]:
        shown["problem"] = record["problem"][0]
    if record.get("sha256"):
        shown["sha256"] = record["sha256"].hex()
    if record["xattrs"]:
        shown["xattrs"] = {name.hex(): value.hex() for name, value in record["xattrs"]}
    return shown


def verify(repository):
    """Every object that the index and the snapshots name, and every file."""
    require(repository.may_check, "the repository has features that this program does not know and must know to check")
    snapshots = repository.load_snapshots()
    for path in sorted(repository.packs):
        repository.verify_pack(path)
    if repository.keys.role == FULL:
        for snapshot in snapshots:
            regular, targets = set(), set()
            for record in repository.records(snapshot):
                if record["type"] == "regular":
                    regular.add(record["path"])
                elif record["type"] == "hardlink":
                    targets.add(record["link"])
                if "sha256" in record and not record["problem"]:
                    for _ in repository.content(record):
                        pass
            require(targets <= regular, "a hard link leads to no file of its snapshot")
    return {"snapshots": len(snapshots), "packs": len(repository.packs), "chunks": len(repository.places)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository")
    parser.add_argument("--password-file")
    parser.add_argument("--key-file")
    parser.add_argument("command", choices=["list", "verify", "entries", "restore"])
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    password = Path(options.password_file).read_bytes().rstrip(b"\n") if options.password_file else None
    key_text = Path(options.key_file).read_text() if options.key_file else None
    try:
        repository = Repository(options.repository, password, key_text)
        repository.load_index()
        if options.command == "verify":
            print(json.dumps(verify(repository)))
        elif options.command == "list":
            shown = [{k: s[k] for k in ("id", "status", "time_ns", "public")} for s in repository.load_snapshots()]
            print(json.dumps(shown, indent=1))
        elif options.command == "entries":
            print(json.dumps([describe(r) for r in repository.records(repository.find(options.arguments[0]))], indent=1))
        else:
            snapshot = repository.find(options.arguments[0])
            problems = Restore(repository, options.arguments[1]).run(snapshot)
            return 3 if problems or snapshot["status"] != "complete" else 0
    except (Corrupt, BadKey) as error:
        print(f"independent_reader: {error}", file=sys.stderr)
        return 5 if isinstance(error, Corrupt) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
