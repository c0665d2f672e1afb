#!/usr/bin/env python3
"""Writes c.md and python.md from the comments of the headers and the docstrings of the package.

    generate.py c [--check]         needs nothing
    generate.py python [--check]    needs the installed package
"""
import inspect
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
INCLUDE = HERE.parents[1] / "capi/include"


def prose(comment):
    lines = [re.sub(r"^\s*\*? ?", "", line).rstrip() for line in comment.strip().splitlines()]
    return "\n".join(lines).strip()


def head(name, text):
    comment = re.match(r"/\*(.*?)\*/", text, re.S)[1]
    return [f"## {name}", "", "```text", prose(comment), "```", ""]


def declared(text):
    """(comment, declaration) of everything that has a comment of its own, and headings."""
    pattern = re.compile(r"^/\* -{20,} ([^-]+?) \*/$|^/\*\*(.*?)\*/\n(.*?(?:;|\}))(?=\s*(?:\w+;)?\n(?:/\*|\n|#|DRK_API|typedef|$))",
                         re.S | re.M)
    for match in pattern.finditer(text):
        yield (match[1], None) if match[1] else (prose(match[2]), match[3])


def summary(declaration):
    struct = re.match(r"typedef (struct|enum) (\w+) \{(.*)", declaration, re.S)
    if struct:
        return f"{struct[1]} {struct[2]}", declaration + f" {struct[2]};"
    if declaration.startswith("enum"):
        return "enum", declaration + ";" * (not declaration.endswith(";"))
    text = re.sub(r"\s+", " ", declaration.replace("DRK_API ", ""))
    pointer = re.search(r"\(\*\s*(\w+)\)", text)
    name = pointer or re.search(r"(\w+)\(", text) or re.search(r"(\w+);", text)
    return (name[1] if name else "codes"), declaration.replace("DRK_API ", "")


def c_page():
    lines = ["# C", "", "Generated from the comments of the headers by `docs/api/generate.py`.", ""]
    for name in ("drkit.h", "drkit_base.h", "drkit_repository.h", "drkit_operations.h", "drkit_wal.h",
                 "drkit_pitr.h", "drkit_probe.h", "drkit_mirror.h", "drkit_object_lock.h", "drkit_spi.h"):
        text = (INCLUDE / name).read_text()
        lines += head(name, text)
        for comment, declaration in declared(text):
            if declaration is None:
                lines += [f"### {comment.capitalize()}", ""]
                continue
            title, code = summary(declaration)
            lines += [f"#### `{title}`", "", comment, "", "```c", code, "```", ""]
    return "\n".join(lines)


def signature(value):
    try:
        text = str(inspect.signature(value))
    except (ValueError, TypeError):
        return ""
    return re.sub(r"<(\w+) object at 0x\w+>", r"<\1>", text).replace("'", "").replace("drkit.", "")


def doc_of(value):
    return inspect.cleandoc(value.__doc__ or "")


def members(cls):
    for name, value in sorted(vars(cls).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, (classmethod, staticmethod)):
            value = value.__func__
        if isinstance(value, property):
            yield name, doc_of(value).strip().splitlines()[0] if value.__doc__ else ""
        elif inspect.isfunction(value):
            yield name + signature(value), doc_of(value)


def python_page():
    import drkit

    lines = ["# Python", "", "Generated from the docstrings by `docs/api/generate.py`.", "", doc_of(drkit), ""]
    errors = [name for name in drkit.__all__ if name.endswith("Error") and name != "Error"]
    for name in [one for one in drkit.__all__ if one not in errors and not one.startswith("_")]:
        value = getattr(drkit, name)
        if inspect.ismodule(value):
            lines += [f"## drkit.{name}", "", doc_of(value), ""]
            shown = [(f"{one}{signature(getattr(value, one))}", doc_of(getattr(value, one))) for one in value.__all__]
        else:
            shown = members(value) if inspect.isclass(value) else []
            lines += [f"## drkit.{name}{'' if inspect.isclass(value) else signature(value)}", "", doc_of(value), ""]
        for title, text in shown:
            lines += [f"### `{title}`", "", text, ""]
    lines += ["## Exceptions", ""] + [f"- `drkit.{name}`: {doc_of(getattr(drkit, name))}" for name in errors]
    return "\n".join(lines)


def main():
    kind = sys.argv[1]
    page = {"c": c_page, "python": python_page}[kind]()
    page = re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"
    path = HERE / f"{kind}.md"
    if "--check" not in sys.argv:
        path.write_text(page)
    elif not path.exists() or path.read_text() != page:
        print(f"docs/api/{path.name} is not what docs/api/generate.py {kind} writes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
