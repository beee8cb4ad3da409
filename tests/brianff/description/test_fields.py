"""Every field of every description declares what it may hold: a new one that does not fails here."""

import datetime
from types import NoneType
from typing import Annotated, Literal, get_args, get_origin

import numpy as np
import pytest
from pydantic import PlainValidator

import brianff.protocols.configuration  # noqa: F401  descriptions of the floor above
from brianff.description import Description
from brianff.description.fields import Count, Declared, Finite, Index, Memory, Name, Seed, Share, Text
from brianff.errors import ConfigurationError
from brianff.register import KINDS


def descriptions(base=Description):
    for kind in KINDS.values():
        _ = kind.registry  # imports it
    for model in base.__subclasses__():
        if model.__module__.startswith("brianff."):
            yield from (model, *descriptions(model))


FIELDS = [(model, name) for model in dict.fromkeys(descriptions()) for name in model.model_fields]


def undeclared(annotation, metadata=()):
    """Return the types inside an annotation of which it does not say what they may hold."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return undeclared(inner, (*metadata, *more))
    if any(isinstance(one, Declared | PlainValidator) for one in metadata) or get_origin(annotation) is Literal:
        return []
    if annotation in (bool, NoneType, ...) or (isinstance(annotation, type) and issubclass(annotation, Description)):
        return []
    if arguments := get_args(annotation):
        return [one for argument in arguments for one in undeclared(argument)]
    return [annotation]


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_every_field_declares_type_and_range(model, name):
    field = model.model_fields[name]
    found = undeclared(field.annotation, field.metadata)
    assert not found, f"{model.__name__}.{name} holds any {found}: declare it with brianff.description.fields"


def deep(levels):
    return [deep(levels - 1)] if levels else []


WRONG = [
    True,
    1,
    1.5,
    -1,
    float("nan"),
    float("inf"),
    -float("inf"),
    10**400,
    "1",
    "",
    "\udcff",
    b"1",
    1j,
    [],
    [0, 0],
    {},
]
WRONG += [{"name": [1]}, {"name": "x", "self": 1}, {1: 2}, {"self": 1}, datetime.date(1979, 5, 27), deep(500), object()]
WRONG += [np.ones(2), np.ma.masked, None, {1}, int, lambda: 0]


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_a_field_takes_a_value_or_refuses_it_by_name(model, name):
    for value in WRONG:
        try:
            made = model(**{name: value})
        except ConfigurationError as error:
            told = str(error)
            assert "\n" not in told
            assert len(told) < 2000
            told.encode()
        else:
            assert getattr(made, name) is not True or model.model_fields[name].annotation is bool
            assert "nan" not in str(made.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("declared", "right", "wrong"),
    [
        (Count, [1, np.int64(3), 2.0], [0, -1, 1.5, True, "1", None, 2**31, float("nan"), [1]]),
        (Index, [0], [-1, False]),
        (Seed, [0, 2**63 - 1], [2**63, -1, 1.5]),
        (Finite, [0, -1.5, np.float32(2)], [float("nan"), float("inf"), True, "1", 1j, 10**400, [1.0]]),
        (Share, [0, 1], [-0.1, 1.1, float("nan")]),
        (Memory, [1, "2 MiB", "1.5 kB"], [0, -1, 1.5, True, "2", "x", [1], {}, f"{'9' * 400} TB", "nan MB"]),
        (Text, ["", "Größe\n"], ["\udcff", "\x00", 1, b"x", None]),
        (Name, ["x" * 120], ["x" * 121, "", "é" * 61]),
    ],
)
def test_what_is_declared_holds(declared, right, wrong):
    (check,) = (one for one in get_args(declared) if isinstance(one, Declared))
    for value in right:
        assert check(value) == (value if not isinstance(value, str) or declared is not Memory else check(value))
    for value in wrong:
        with pytest.raises(ValueError, match=r"must|write a number"):
            check(value)
