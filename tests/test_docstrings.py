"""Docstrings of public names: every parameter is described, with its type, and none that there is not."""

import inspect

import pytest

import brianff
import brianff.analysis
import brianff.equations
import brianff.protocols

validate = pytest.importorskip("numpydoc.validate").validate

FLOORS = [brianff, brianff.equations, brianff.protocols, brianff.analysis]

CHECKED = {"GL03", "GL06", "GL07", "GL08", "PR01", "PR02", "PR04", "SS01", "YD01"}
"""numpydoc's: sections, a docstring at all, parameters that lack, that are not there, without type, a summary."""

EXCEPTIONS = {("brianff.Device", "PR02")}
"""`file` is read before the fields are checked."""


@pytest.mark.parametrize("floor", FLOORS, ids=lambda floor: floor.__name__)
def test_every_public_name_is_documented(floor):
    parts = ((name, getattr(floor, name)) for name in dir(floor))
    names = [f"{floor.__name__}.{name}" for name, one in parts if inspect.isclass(one) or inspect.isfunction(one)]
    assert len(names) > 3
    found = {(name, code): text for name in names for code, text in validate(name)["errors"] if code in CHECKED}
    assert {key: text for key, text in found.items() if key not in EXCEPTIONS} == {}
