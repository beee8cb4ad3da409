"""Cited parameter presets: every number with its unit and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Parameter", "Preset"]


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
    """

    value: Any
    meaning: str
    source: str = ""


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

    def derive(self, name: str, source: str, **values: Any) -> "Preset":
        """Return a preset that differs in some values, taken from another source."""
        changed = {key: Parameter(value, self.parameters[key].meaning, source) for key, value in values.items()}
        return Preset(name, self.source, {**self.parameters, **changed})
