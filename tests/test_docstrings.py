"""Docstrings of public names: every parameter is described, with its type, and none that there is not."""

import inspect
from functools import partial

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


CALLED = [
    *("brianff.Dataset", "brianff.Recording", "brianff.Responses", "brianff.Simulator", "brianff.SpikeTrains"),
    *("brianff.Split", "brianff.protocols.Callback", "brianff.protocols.Modulator", "brianff.protocols.Sweep"),
    "brianff.protocols.Trainer",
]
"""Classes whose methods a script calls or overrides."""


def members(one):
    """Yield the public names that a class defines itself, and not from pydantic."""
    for name, value in vars(one).items():
        if not name.startswith("_") and isinstance(value, property | classmethod | staticmethod | type(members)):
            yield name


@pytest.mark.parametrize("name", CALLED)
def test_methods_describe_their_parameters(name):
    one = getattr(FLOORS[2 if "protocols" in name else 0], name.rpartition(".")[2])
    found = [(member, *error) for member in members(one) for error in validate(f"{name}.{member}")["errors"]]
    assert [error for error in found if error[1] in CHECKED - {"PR04", "YD01"}] == []  # "as in `present`" has no type


@pytest.mark.parametrize("floor", FLOORS, ids=lambda floor: floor.__name__)
def test_every_member_of_a_public_class_is_documented_or_inherits_it(floor):
    classes = [one for one in map(partial(getattr, floor), dir(floor)) if inspect.isclass(one)]
    missing = [
        f"{one.__name__}.{name}" for one in classes for name in members(one) if not inspect.getdoc(getattr(one, name))
    ]
    assert missing == []


@pytest.mark.parametrize("floor", FLOORS, ids=lambda floor: floor.__name__)
def test_every_public_name_is_documented(floor):
    parts = ((name, getattr(floor, name)) for name in dir(floor))
    names = [f"{floor.__name__}.{name}" for name, one in parts if inspect.isclass(one) or inspect.isfunction(one)]
    assert len(names) > 3
    found = {(name, code): text for name in names for code, text in validate(name)["errors"] if code in CHECKED}
    assert {key: text for key, text in found.items() if key not in EXCEPTIONS} == {}
