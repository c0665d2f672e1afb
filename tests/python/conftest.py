"""What the tests share."""

import os
import pathlib
import random

import pytest

import drkit

#: Argon2id that costs nothing: the tests are not about it.
CHEAP = (1, 8192)
#: Content that does not compress, so that packs have a size worth damaging.
BIG = random.Random(1).randbytes(1_000_000)


def tree_of(root: pathlib.Path) -> dict:
    """Path to content, link text or None for a directory."""
    seen = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            seen[name] = os.readlink(path)
        else:
            seen[name] = None if path.is_dir() else path.read_bytes()
    return seen


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("first\n")
    (root / "sub" / "big.bin").write_bytes(BIG)
    (root / "link").symlink_to("a.txt")
    (root / os.fsdecode(b"not-utf8-\xff")).write_bytes(b"odd")
    return root


@pytest.fixture
def repo(tmp_path):
    with drkit.Repository.create(tmp_path / "repo", password="correct horse", password_cost=CHEAP) as opened:
        yield opened
