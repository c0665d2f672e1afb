#!/usr/bin/env python3
"""Prototypes, struct layouts and enumeration values of the C face, compared with declarations.golden.

    declarations.py [--update] COMPILER HEADER...

Sizes and offsets are the compiler's own answers. The golden list is for 64-bit systems; it may grow at the end of a
struct and by new names, and nothing in it changes within a major version.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

GOLDEN = pathlib.Path(__file__).with_name("declarations.golden")


def without_comments(text):
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:\\\n|.)*$", " ", text, flags=re.M)


def one_line(text):
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\s*\*\s*", "* ", text).replace("* *", "**").replace("( ", "(")


def prototypes(text):
    for match in re.finditer(r"DRK_API\s+([^;]+);", text):
        yield one_line(match[1])
    for match in re.finditer(r"typedef\s+([^;{}]*\(\*\w+\)[^;{}]*);", text):
        yield "typedef " + one_line(match[1])


def members(body):
    for declaration in filter(None, map(str.strip, body.split(";"))):
        name = re.search(r"\(\*(\w+)\)", declaration) or re.search(r"(\w+)$", declaration)
        yield name[1], one_line(declaration)


def structs(text):
    for match in re.finditer(r"typedef struct (\w+) \{(.*?)\} \1;", text, flags=re.S):
        yield match[1], list(members(match[2]))


def enumerators(text):
    for match in re.finditer(r"enum(?: \w+)? \{(.*?)\}", text, flags=re.S):
        yield from re.findall(r"\b(DRK_\w+)\s*=", match[1])


def probe(headers, text):
    lines = ["#include <stdio.h>"] + [f'#include "{header}"' for header in headers] + ["int main(void) {"]
    for name, fields in structs(text):
        lines.append(f'printf("struct {name}: %zu bytes\\n", sizeof({name}));')
        for field, declaration in fields:
            size = f"sizeof((({name} *)0)->{field})"
            lines.append(f'printf("struct {name} at %zu, %zu bytes: {declaration}\\n", '
                         f"offsetof({name}, {field}), {size});")
    lines += [f'printf("{name} = %d\\n", (int){name});' for name in enumerators(text)]
    return "\n".join(lines + ["return 0;", "}", ""])


def measured(compiler, headers, text):
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "probe.c"), pathlib.Path(folder, "probe")
        source.write_text(probe(headers, text))
        subprocess.run([compiler, "-std=c99", f"-I{headers[0].parent}", "-o", program, source], check=True)
        return subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    headers = [pathlib.Path(path).resolve() for path in arguments[1:]]
    text = "\n".join(without_comments(path.read_text()) for path in headers)
    have = sorted(prototypes(text)) + measured(arguments[0], headers, text)
    if "--update" in sys.argv:
        GOLDEN.write_text("\n".join(have) + "\n")
    want = GOLDEN.read_text().splitlines()
    problems = [f"gone or changed: {line}" for line in want if line not in have]
    problems += [f"new, to be added by declarations.py --update: {line}" for line in have if line not in want]
    print("\n".join(problems) or f"{len(have)} declarations")
    return 1 if problems or len(have) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
