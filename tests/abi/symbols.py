#!/usr/bin/env python3
"""The list of exported C functions only grows.

    symbols.py [--update] LIBRARY    compares with drkit.symbols; --update appends what is new
    symbols.py --used FOLDER         every listed function is called by a C program of FOLDER
"""
import pathlib
import re
import subprocess
import sys

GOLDEN = pathlib.Path(__file__).with_name("drkit.symbols")


def golden():
    lines = GOLDEN.read_text().splitlines() if GOLDEN.exists() else []
    return [line for line in lines if line and not line.startswith("#")]


def exported(library):
    lines = subprocess.run(["nm", "--dynamic", "--defined-only", "--format=posix", library],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted(name for name, *_ in map(str.split, lines) if name.startswith("drk_"))


def compare(library, update):
    have, want = exported(library), golden()
    new = [name for name in have if name not in want]
    if update:
        GOLDEN.write_text("# Functions of the C face; none is ever removed. Kept by symbols.py.\n" +
                          "".join(f"{name}\n" for name in sorted(set(want + new))))
        return []
    return ([f"{name}: listed, and not exported any more" for name in want if name not in have] +
            [f"{name}: exported, and not listed; symbols.py --update" for name in new])


def unused(folder):
    text = "\n".join(path.read_text() for path in pathlib.Path(folder).glob("*.[ch]"))
    called = set(re.findall(r"\bdrk_\w+(?=\()", text))
    return [f"{name}: no C program calls it" for name in golden() if name not in called]


def main():
    arguments = sys.argv[1:]
    if arguments[0] == "--used":
        problems = unused(arguments[1])
    else:
        problems = compare(arguments[-1], "--update" in arguments)
    print("\n".join(problems))
    if not golden():
        problems.append("empty list")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
