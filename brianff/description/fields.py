"""What fields of descriptions and arguments of functions may hold: type, range and finiteness, declared once.

::

    class Data(Description):
        shift: Index = 0

The same declaration serves TOML, ``--set`` and Python. What has a unit is in `brianff.description.quantities`.
"""

from __future__ import annotations

import math
import operator
import os
import reprlib
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic_core import core_schema

from brianff.acceleration.memory import parse_bytes
from brianff.equations.parameters import NOT_NEGATIVE, POSITIVE, SHARE, Range, is_number
from brianff.errors import BrianffError, ConfigurationError

__all__ = [
    "GENERATOR",
    "NAME",
    "TRUTH",
    "Chosen",
    "Count",
    "Declared",
    "Finite",
    "Index",
    "Instance",
    "Measured",
    "Memory",
    "Name",
    "NotNegative",
    "Place",
    "Positive",
    "Real",
    "Seed",
    "Share",
]
__all__ += ["Table", "Text", "Whole", "argument", "between", "shown"]

LARGEST = 2**31 - 1
"""Of a count: no axis of an array that a computer holds is longer, and indices of 32 bits reach it."""


def shown(value: Any) -> str:
    """Return a value as it is shown in an error: in one short line, whatever it is."""
    try:
        return " ".join(reprlib.repr(value).split())
    except Exception:  # integers of more digits than Python converts, objects whose repr fails
        return f"an object of {type(value).__name__}"


class Declared:
    """Base of what an annotation declares; called with a value, it returns the value or raises a ValueError."""

    def __call__(self, value: Any) -> Any:
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self)


@dataclass(frozen=True)
class Whole(Declared):
    """A whole number from `least` to `most`."""

    least: int
    most: int = LARGEST

    def __call__(self, value: Any) -> int:
        try:
            number = None if isinstance(value, bool | np.bool_) else operator.index(value)
        except TypeError:
            number = int(value) if isinstance(value, float) and value.is_integer() else None
        if number is None or not self.least <= number <= self.most:
            raise ValueError(f"must be a whole number from {self.least} to {self.most}")
        return number


@dataclass(frozen=True)
class Real(Declared):
    """A finite number in a range."""

    range: Range

    def __call__(self, value: Any) -> float:
        number = math.nan
        if is_number(value):
            with suppress(OverflowError):
                number = float(value)
        if number not in self.range:
            raise ValueError(f"must {self.range.rule}")
        return number


@dataclass(frozen=True)
class Measured(Declared):
    """A number that came out of a measurement: of either sign, infinite or nan too."""

    def __call__(self, value: Any) -> float:
        if is_number(value):
            with suppress(OverflowError):  # whole numbers may be larger than any of those
                return float(value)
        raise ValueError("must be a number")


@dataclass(frozen=True)
class Characters(Declared):
    """Text that a file can hold, of `least` to `most` bytes."""

    least: int
    most: int
    rule: str

    def __call__(self, value: Any) -> str:
        try:
            size = len(value.encode()) if isinstance(value, str) else -1
        except UnicodeEncodeError:
            size = -1
        if not self.least <= size <= self.most or any(
            character < " " and character not in "\t\n" for character in value
        ):
            raise ValueError(f"must be {self.rule}")
        return value


@dataclass(frozen=True)
class Instance(Declared):
    """An object of a kind, which `rule` tells in words."""

    kind: type | tuple[type, ...]
    rule: str

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, self.kind):
            raise ValueError(f"must be {self.rule}")
        return value


GENERATOR = Instance(np.random.Generator, "a numpy.random.Generator, such as numpy.random.default_rng(1)")


TRUTH = Instance((bool, np.bool_), "True or False")


@dataclass(frozen=True)
class Place(Declared):
    """A path, as text or an object."""

    def __call__(self, value: Any) -> Path:
        with suppress(UnicodeEncodeError):  # half a character, which no system can write
            if isinstance(value, str | os.PathLike) and b"\0" not in os.fsencode(value):
                return Path(os.fsdecode(value))
        raise ValueError("must be a path")


@dataclass(frozen=True)
class _Bytes(Declared):
    """An amount of memory: see `parse_bytes`."""

    def __call__(self, value: Any) -> int:
        return parse_bytes(value)


@dataclass(frozen=True)
class Rows(Declared):
    """Which of several things: whole numbers, a mask, or a slice."""

    def __call__(self, value: Any) -> Any:
        with suppress(Exception):
            if isinstance(value, slice) or not (array := np.asarray(value)).size or array.dtype.kind in "biu":
                return value
        raise ValueError("must be a slice, whole numbers or a mask")


@dataclass(frozen=True)
class Table(Declared):
    """Values by name; what holds them knows the names and ranges."""

    def __call__(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise ValueError("must be a table of names and values")
        return dict(value)


def argument(
    name: str, value: Any, declared: Declared, kind: Callable[[str], BrianffError] = ConfigurationError
) -> Any:
    """Return an argument that is what was declared; an error of a kind if it is not."""
    try:
        return declared(value)
    except ValueError as error:
        raise kind(f"{name} is {shown(value)}; it {error}") from None


Chosen = Annotated[Any, Rows()]
"""Which of several things."""

Count = Annotated[int, Whole(1)]
"""A number of things, at least one."""

Index = Annotated[int, Whole(0)]
"""A number of things, or the number of one of them: 0 or more."""

Seed = Annotated[int, Whole(0, 2**63 - 1)]
"""What starts random streams; TOML's whole numbers end there."""

Memory = Annotated[int, _Bytes()]
"""Bytes, or text such as "2 MiB"."""

Finite = Annotated[float, Real(Range("be a finite number"))]
Positive = Annotated[float, Real(POSITIVE)]
NotNegative = Annotated[float, Real(NOT_NEGATIVE)]
Share = Annotated[float, Real(SHARE)]

Text = Annotated[str, Characters(0, 100_000, "text in Unicode, of at most 100,000 bytes")]
NAME = Characters(1, 120, "text in Unicode, of 1 to 120 bytes: it becomes part of a file's name")
Name = Annotated[str, NAME]


def between(least: float, most: float, above: bool = False, below: bool = False) -> Real:
    """Declare a number from `least` to `most`; with `above` and `below`, these ends are excluded."""
    rule = f"lie between {least:g} and {most:g}" + ", both excluded" * (above and below)
    rule += f", {least:g} excluded" * (above and not below) + f", {most:g} excluded" * (below and not above)
    ends = math.nextafter(least, sys.float_info.max) if above else least, math.nextafter(most, least) if below else most
    return Real(Range(rule, *ends))
