"""The tree of exceptions is the table of codes."""

import pathlib
import re

import pytest

import drkit

TABLE = pathlib.Path(__file__).parents[2] / "include/drkit/error_codes.def"
CODES = [
    (name, int(value))
    for name, value in re.findall(r"^DRKIT_ERROR_CODE\((\w+), (\d+),", TABLE.read_text(), re.M)
    if name != "ok"
]


@pytest.mark.parametrize(("name", "value"), CODES)
def test_one_class_for_each_code(name, value):
    made = getattr(drkit, "".join(part.capitalize() for part in name.split("_")) + "Error")
    assert issubclass(made, drkit.Error)
    assert (made.code, made.value) == (name, value)
    assert made.__doc__


def test_root():
    assert len(CODES) == 19
    error = drkit.NotFoundError("no such thing", retryable=True, context={"path": "x"})
    assert str(error) == "no such thing (path=x)"
    assert error.to_dict() == {
        "code": "not_found",
        "message": "no such thing",
        "retryable": True,
        "context": {"path": "x"},
    }
    assert issubclass(drkit.PartialWarning, UserWarning)


def test_context_of_the_library(tmp_path):
    with pytest.raises(drkit.UnsupportedError) as caught:
        drkit.open_storage("gopher://host/")
    assert caught.value.message
    with pytest.raises(drkit.NotFoundError):
        drkit.open_storage(tmp_path / "nowhere")
