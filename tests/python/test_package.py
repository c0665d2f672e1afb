"""The package as it is installed: stubs, version, examples, documentation."""

import importlib.resources
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import drkit

HERE = pathlib.Path(__file__).parent
ROOT = pathlib.Path(__file__).parents[2]


def test_version_is_the_headers():
    header = (ROOT / "include/drkit/version.hpp").read_text()
    assert re.search(r'DRKIT_VERSION "(.+)"', header)[1] == drkit.__version__


def test_the_installed_package_is_tested():
    installed = pathlib.Path(drkit.__file__).resolve()
    assert ROOT / "python" not in installed.parents
    names = {path.name for path in importlib.resources.files("drkit").iterdir()}
    assert {"py.typed", "_core.pyi", "__init__.py"} <= names


def test_everything_public_is_documented():
    for name in drkit.__all__:
        value = getattr(drkit, name)
        assert name == "__version__" or value.__doc__, name
        if inspect.isclass(value) and value.__module__.startswith("drkit"):
            for member, method in vars(value).items():
                if inspect.isfunction(method) and not member.startswith("_"):
                    assert method.__doc__, f"{name}.{member}"


def run(*arguments, **options):
    return subprocess.run([str(one) for one in arguments], capture_output=True, text=True, **options)


def test_stubs_say_what_the_extension_has():
    result = run(sys.executable, "-m", "mypy.stubtest", "drkit._core", "--concise", "--allowlist", HERE / "stubtest.allow")
    assert result.returncode == 0, result.stdout + result.stderr


def test_types(tmp_path):
    result = run(
        sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, "-p", "drkit", cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_page_is_generated():
    result = run(sys.executable, ROOT / "docs/api/generate.py", "python", "--check")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.filterwarnings("default")
def test_example(tree, tmp_path):
    (tmp_path / "password").write_text("correct horse\n")
    command = [sys.executable, ROOT / "examples/backup.py", tmp_path / "repo", tree]
    first = run(*command, tmp_path / "one", tmp_path / "password")
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "one/a.txt").read_text() == "first\n"
    (tmp_path / "password").write_text("wrong\n")
    assert run(*command, tmp_path / "two", tmp_path / "password").returncode == 1


def test_docstring_of_the_package():
    import doctest

    assert doctest.testmod(drkit).attempted == 3
    assert doctest.testmod(drkit).failed == 0
