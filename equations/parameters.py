"""Cited parameter presets: every number with its unit and where it comes from."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Self, TypeGuard

import numpy as np
from brian2 import Quantity, get_unit

__all__ = ["ANY", "NOT_NEGATIVE", "POSITIVE", "SHARE", "Parameter", "Preset", "Range", "as_expression", "is_number"]


@dataclass(frozen=True)
class Range:
    """Which values a parameter may have: the rule in words, after "must", and both ends, in SI units."""

    rule: str
    least: float = -sys.float_info.max
    most: float = sys.float_info.max

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most


ANY = Range("be finite")
NOT_NEGATIVE = Range("be finite and not negative", least=0.0)
POSITIVE = Range("be positive and finite", least=sys.float_info.min)
SHARE = Range("lie between 0 and 1", least=0.0, most=1.0)


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a value is one real number: no truth value, nor a span of time, which numpy takes for whole."""
    return isinstance(value, Real) and not isinstance(value, bool | np.timedelta64)


def as_expression(value: Any) -> Any:
    """Return a quantity, a number, or text such as "3 us" as an expression; other text, and what is none, as it is."""
    if isinstance(value, Quantity) and not value.shape:  # of several, what takes one will tell
        unit = "" if value.dim.is_dimensionless else f"*({get_unit(value.dim)!r})"
        return f"{float(value)!r}{unit}"
    if is_number(value):
        return repr(float(value))
    return _AMOUNT.sub(r"\1*\2", value) if isinstance(value, str) else value


_AMOUNT = re.compile(r"^\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*([A-Za-z]\w*)\s*$")


@dataclass(frozen=True)
class Parameter:
    """One physical parameter.

    Parameters
    ----------
    value : brian2.Quantity or float
        Value with unit.
    meaning : str
        What it is, in words.
    source : str
        Where the value comes from; empty: the source of the preset.
    range : Range
        Which values it may have.
    """

    value: Any
    meaning: str
    source: str = ""
    range: Range = ANY


@dataclass(frozen=True)
class Preset:
    """A named set of parameters of one model.

    Parameters
    ----------
    name : str
    source : str
        Publication or code that the values come from.
    parameters : mapping of str to Parameter, or to its value
    """

    name: str
    source: str
    parameters: Mapping[str, Parameter]

    def __post_init__(self):
        known = {
            name: one if isinstance(one, Parameter) else Parameter(one, "") for name, one in self.parameters.items()
        }
        object.__setattr__(self, "parameters", known)

    def namespace(self) -> dict[str, Any]:
        """Return the values by name, as a Brian2 namespace."""
        return {name: parameter.value for name, parameter in self.parameters.items()}

    def derive(self, name: str, source: str, **values: Any) -> Self:
        """Return a preset that differs in some values, taken from another source."""
        if unknown := values.keys() - self.parameters.keys():
            known = ", ".join(self.parameters)
            raise ValueError(f"preset {self.name!r} has no parameter {', '.join(sorted(unknown))}; known: {known}")
        changed = {key: replace(self.parameters[key], value=value, source=source) for key, value in values.items()}
        return replace(self, name=name, parameters={**self.parameters, **changed})
