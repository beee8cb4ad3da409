"""Cited parameter presets: every number with its unit and where it comes from."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

__all__ = ["ANY", "NOT_NEGATIVE", "POSITIVE", "SHARE", "Parameter", "Preset", "Range"]


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
    parameters : mapping of str to Parameter
    """

    name: str
    source: str
    parameters: Mapping[str, Parameter]

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
