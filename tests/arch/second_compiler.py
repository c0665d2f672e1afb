#!/usr/bin/python3
"""The library must compile with clang too, without a warning: looks at what a build with another compiler compiled.

  tests/arch/second_compiler.py BUILD [FOLDER...]      default: src capi examples tests

Last line: "N passed, N failed", a file each.
"""

import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]


def kept(command):
    """Of a command of another compiler: what the meaning of the text depends on."""
    words, options = shlex.split(command), []
    for word, following in zip(words, words[1:] + [""]):
        if word.startswith(("-I", "-D", "-std=")):
            options.append(word)
        elif word == "-isystem":
            options += [word, following]
    return options


def complaints(entry):
    compiler = "clang-14" if entry["file"].endswith(".c") else "clang++-14"
    command = [compiler, *kept(entry["command"]), *WARNINGS, "-fsyntax-only", entry["file"]]
    done = subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True, check=False)
    return (done.stderr or f"{entry['file']}: {compiler} ended with {done.returncode}\n") if done.returncode else ""


def main(build, *folders):
    inside = tuple(os.path.join(ROOT, folder) + os.sep for folder in folders or ("src", "capi", "examples", "tests"))
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as stream:
        entries = {entry["file"]: entry for entry in json.load(stream) if entry["file"].startswith(inside)}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [text for text in pool.map(complaints, entries.values()) if text]
    print("".join(found), end="")
    print(f"{len(entries) - len(found)} passed, {len(found)} failed")
    return 0 if entries and not found else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
