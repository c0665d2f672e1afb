#!/usr/bin/env python3
"""Checks every #include of the project against src/DEPS, the length of files, and that nothing is left for later."""
import argparse
import collections
import pathlib
import re
import sys

import headers

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")', re.MULTILINE)
CODE = {".cpp", ".hpp", ".h", ".c", ".def", ".in"}
TEXT = CODE | {".py", ".pyi", ".sh", ".cmake"}
ROOTS = ("src", "include", "capi", "python", "examples", "tests")
LEFT_FOR_LATER = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
MAX_LINES = 400

Rule = collections.namedtuple("Rule", "folders groups")


class Broken(Exception):
    """The table itself is wrong."""


def parse_rules(text):
    """{folder: Rule}; a folder may name only those that stand above it, so the table can hold no circle."""
    rules = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        match = re.fullmatch(r"(\S+):([^|]*)\|(.*)", line)
        if not match:
            raise Broken(f"src/DEPS:{number}: not `folder: folders | headers`")
        name, folders, groups = match[1], match[2].split(), match[3].split()
        if name in rules:
            raise Broken(f"src/DEPS:{number}: {name} stands here twice")
        for folder in folders:
            if folder not in rules:
                raise Broken(f"src/DEPS:{number}: {name} may not name {folder}, which does not stand above it")
        for group in groups:
            if group not in headers.GROUPS:
                raise Broken(f"src/DEPS:{number}: nobody knows the headers `{group}`")
        rules[name] = Rule(frozenset(folders), frozenset(groups))
    return rules


def is_ours(path):
    return not any(part.startswith((".", "build")) or part in ("__pycache__", "node_modules") for part in path.parts)


def files_below(root, folders, suffixes):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and is_ours(relative) and (path.suffix in suffixes or wanted_by_name(path, suffixes)):
                yield relative


def wanted_by_name(path, suffixes):
    """CMake's lists, and scripts without a suffix."""
    if ".py" not in suffixes or path.suffix not in ("", ".txt"):
        return False
    if path.name == "CMakeLists.txt":
        return True
    with path.open("rb") as file:
        return path.suffix == "" and file.read(2) == b"#!"


class Checker:
    def __init__(self, root):
        self.root = root
        self.rules = parse_rules((root / "src/DEPS").read_text())
        self.problems = []

    def run(self):
        for path in files_below(self.root, ("src", "include", "capi", "python", "examples"), CODE):
            self.check_includes(path)
        for path in files_below(self.root, ROOTS, TEXT):
            self.check_text(path)
        return self.problems

    def complain(self, path, line, text):
        self.problems.append(f"{path}:{line}: {text}")

    def check_text(self, path):
        lines = (self.root / path).read_text(errors="replace").splitlines()
        # The stub of a compiled module is one list, as the module is one.
        if len(lines) > MAX_LINES and path.suffix != ".pyi":
            self.complain(path, len(lines), f"more than {MAX_LINES} lines: split the file")
        for number, line in enumerate(lines, 1):
            if LEFT_FOR_LATER.search(line):
                self.complain(path, number, "something is left for later")

    def check_includes(self, path):
        text = (self.root / path).read_text(errors="replace")
        rule_name = self.rule_for(path)
        if rule_name is None:
            self.complain(path, 1, "this folder has no line in src/DEPS")
            return
        for match in INCLUDE.finditer(text):
            problem = self.problem_with(path, rule_name, match[1] or match[2])
            if problem:
                self.complain(path, text.count("\n", 0, match.start(match.lastindex)) + 1, problem)

    def rule_for(self, path):
        """The most special line: a driver's own, or that of the top folder."""
        parts = path.parts
        if parts[0] == "include":
            name = "/include/drkit"
        elif parts[0] != "src":
            own = "/" + "/".join(parts[:2])
            name = own if own in self.rules else "/" + parts[0]
        elif len(parts) > 3 and f"{parts[1]}/{parts[2]}" in self.rules:
            name = f"{parts[1]}/{parts[2]}"
        elif len(parts) == 2 or parts[1] == "cmake":
            return None if path.suffix in (".cpp", ".hpp", ".c", ".h") else "/include/drkit"
        else:
            name = parts[1]
        return name if name in self.rules else None

    def problem_with(self, path, rule_name, header):
        rule = self.rules[rule_name]
        if header.startswith("drkit/"):
            return None if (self.root / "include" / header).is_file() else f"there is no include/{header}"
        target = self.resolve(path, header)
        if target is not None:
            return self.problem_with_own(path, rule, target)
        group = headers.group_of(header)
        if group is None:
            return f"<{header}> belongs to no group of tests/arch/headers.py"
        if group == "standard" or group in rule.groups or (group == "fmt" and path.parts[0] == "src"):
            return None
        return f"<{header}> ({group}) is not for {rule_name.lstrip('/')}"

    def resolve(self, path, header):
        """The project's file that is meant, or None."""
        places = [path.parent, pathlib.Path("src"), pathlib.Path("capi/include")]
        if path.parts[0] != "src":
            places += [p for p in path.parents if p.parts]
        for place in places:
            candidate = (self.root / place / header).resolve()
            if candidate.is_file() and candidate.is_relative_to(self.root.resolve()):
                return candidate.relative_to(self.root.resolve())
        return None

    def problem_with_own(self, path, rule, target):
        if target.parts[0] == "include":
            return None
        if path.parts[0] != "src":
            allowed = target.parts[0] == path.parts[0] or (path.parts[0] != "include" and target.name == "drkit.h")
            return None if allowed else f"{target} is not public"
        if target.parts[0] != "src":
            return f"{target} lies outside of src/"
        mine, theirs = path.parts[1], target.parts[1]
        if mine != theirs:
            return None if theirs in rule.folders else f"{mine} may not include {theirs}"
        if mine in ("storage", "systems") and len(target.parts) > 3 and target.parts[2] != path.parts[2]:
            return f"{'/'.join(path.parts[1:3])} may not include its sibling {'/'.join(target.parts[1:3])}"
        return None


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    options = parser.parse_args(arguments)
    try:
        problems = Checker(options.root).run()
    except (Broken, OSError) as error:
        problems = [str(error)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
