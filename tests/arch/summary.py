#!/usr/bin/env python3
"""Counts the results of JUnit files: the last line printed is "N passed, N failed"."""
import argparse
import pathlib
import sys
import xml.etree.ElementTree as xml


def results(path):
    """Yields (name, passed, reason) for every test of one file."""
    for case in xml.parse(path).iter("testcase"):
        for kind in ("failure", "error", "skipped"):
            found = case.find(kind)
            if found is not None:
                yield case.get("name"), False, (found.get("message") or kind).strip()
                break
        else:
            ran = case.get("status", "run") == "run"
            yield case.get("name"), ran, "" if ran else "did not run"


def count(paths):
    """(passed, [line per failure]) over all files; a file that cannot be read is a failure, and so is one without tests."""
    passed, failures = 0, []
    for path in paths:
        try:
            cases = list(results(path))
        except (OSError, xml.ParseError) as error:
            failures.append(f"{path}: no results: {error}")
            continue
        if not cases:
            failures.append(f"{path}: no test ran")
        passed += sum(good for _, good, _ in cases)
        failures += [f"{name}: {reason}" for name, good, reason in cases if not good]
    return passed, failures


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exit-code", type=int, default=0, help="what the test runner answered")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    options = parser.parse_args(arguments)
    passed, failures = count(options.files)
    if options.exit_code != 0 and not failures:
        failures.append(f"the test runner answered {options.exit_code}")
    for line in failures:
        print("FAILED", line)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
