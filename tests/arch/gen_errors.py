#!/usr/bin/env python3
"""Writes docs/errors.md from include/drkit/error_codes.def, or with --check says whether it is up to date."""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTRY = re.compile(r'^DRKIT_ERROR_CODE\((\w+),\s*(\d+),\s*"([^"]+)"\)$')

HEAD = """\
# Error codes

Generated from `include/drkit/error_codes.def` by `tests/arch/gen_errors.py`; change the table, not this page.

A number never changes its meaning and is never used again. Act on the code: the message is for people and may change.
`Error::retryable()` (`.retryable` in Python, `drk_error_retryable` in C) tells whether the same call may succeed when repeated.

| value | C++ `drkit::ErrorCode` | C | what it means for the caller |
|---|---|---|---|
"""


def parse(text):
    """[(name, value, description)], in the order of the table. Raises ValueError when a line or a number is wrong."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("DRKIT_"):
            continue
        match = ENTRY.match(line)
        if not match:
            raise ValueError(f"line {number}: not an entry of the table")
        entries.append((match[1], int(match[2]), match[3]))
    values = [value for _, value, _ in entries]
    if values != sorted(set(values)):
        raise ValueError("values must rise, each used once")
    if len({name for name, _, _ in entries}) != len(entries):
        raise ValueError("a name stands there twice")
    return entries


def page(entries):
    rows = [f"| {value} | `{name}` | `DRK_{name.upper()}` | {text} |\n" for name, value, text in entries]
    return HEAD + "".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    wanted = page(parse((ROOT / "include/drkit/error_codes.def").read_text()))
    target = ROOT / "docs/errors.md"
    if not options.check:
        target.write_text(wanted)
        return 0
    if target.exists() and target.read_text() == wanted:
        return 0
    print("docs/errors.md is not what include/drkit/error_codes.def says; run tests/arch/gen_errors.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
