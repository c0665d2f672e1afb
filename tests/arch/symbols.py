#!/usr/bin/env python3
"""Checks what a shared library exports: drk_* and names of namespace drkit itself, nothing of its internal namespaces or of others.

    symbols.py LIBRARY SRC
"""
import pathlib
import re
import subprocess
import sys

PUBLIC = re.compile(r"^(?:drk_\w+$|(?:(?:typeinfo|typeinfo name|vtable|VTT) for )?drkit::(?!\(anonymous))")


def problems(names, internal):
    """One line for every name that is not public."""
    inside = re.compile(rf"\bdrkit::(?:{'|'.join(sorted(internal))})::") if internal else None
    for name in names:
        if not PUBLIC.match(name):
            yield f"{name}: exported, and not of drkit"
        elif inside and inside.match(name[name.index("drkit::"):] if "drkit::" in name else ""):
            yield f"{name}: exported from an internal namespace"


def exported(library):
    lines = subprocess.run(["nm", "--dynamic", "--defined-only", "--demangle", "--format=posix", library],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    return [re.sub(r" [A-Za-z] [0-9a-f]*(?: [0-9a-f]*)?$", "", line) for line in lines]


def main():
    library, source = sys.argv[1], pathlib.Path(sys.argv[2])
    names = exported(library)
    internal = {path.name for path in source.rglob("*") if path.is_dir() and path.name != "cmake"}
    found = list(problems(names, internal))
    if not any("drkit::error_code_name" in name for name in names):
        found.append("drkit::error_code_name is not exported: is this the library?")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
