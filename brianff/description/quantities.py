"""Physical quantities in descriptions: Brian2 quantities in Python, text such as "32 uA" in TOML."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import brian2
import numpy as np
from brian2.units.allunits import all_units
from brian2.units.fundamentalunits import Quantity, get_dimensions, have_same_dimensions
from pydantic import PlainSerializer

from brianff.description.fields import Declared, shown
from brianff.equations.parameters import ANY, POSITIVE, Parameter, Range, is_number

__all__ = ["Current", "Time", "as_text", "format_quantity", "parse_like", "parse_quantity"]

_UNITS = {str(unit): unit for unit in all_units if re.fullmatch(r"[A-Za-z]+", str(unit))}
_TEXT = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]+)\s*")


def parse_quantity(value: Any, unit: Quantity, range: Range = ANY) -> Quantity:
    """Return `value` as a quantity with the dimensions of `unit`.

    Parameters
    ----------
    value : brian2.Quantity or str
        A quantity, or a number and a unit symbol, such as ``"32 uA"``.
    unit : brian2.Quantity
        A unit with the wanted dimensions; used in the error message as the example.
    range : Range
        Which values it may have, in SI units.

    Raises
    ------
    ValueError
        If the text has no known unit, the dimensions are not those of `unit`, it is not one quantity, or out of range.
    """
    example = f'write a number and a unit, such as "1 {unit}"'
    if isinstance(value, str):
        match = _TEXT.fullmatch(value)
        if match is None or match[2] not in _UNITS:
            raise ValueError(f"{shown(value)} is not a quantity; {example}")
        value = float(match[1]) * _UNITS[match[2]]
    if not (isinstance(value, Quantity) or is_number(value)) or np.shape(np.asarray(value)):
        raise ValueError(f"{shown(value)} is not one quantity; {example}")
    if not have_same_dimensions(value, unit):
        raise ValueError(f"{value!s} has the dimensions {get_dimensions(value)}, not those of {unit}; {example}")
    if float(value) not in range:
        raise ValueError(f"is {value}; it must {range.rule}")
    return Quantity(value)


def parse_like(value: Any, parameter: Parameter) -> Any:
    """Return text or a value as one of a parameter: a quantity with its dimensions, or a number if it has none.

    Raises
    ------
    ValueError
        If it is neither, or out of the parameter's range.
    """
    dimensions, range = get_dimensions(parameter.value), parameter.range
    if not dimensions.is_dimensionless:
        return parse_quantity(value, brian2.get_unit(dimensions), range)
    number = None
    if isinstance(value, str | Quantity) or is_number(value):
        with suppress(TypeError, ValueError, OverflowError):
            number = float(value) if get_dimensions(0 if isinstance(value, str) else value).is_dimensionless else None
    if number is None:
        raise ValueError(f"{shown(value)} is not a number")
    if number not in range:
        raise ValueError(f"is {number:g}; it must {range.rule}")
    return number


def as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return quantities and numbers by name as `parse_like` reads them back, exactly."""
    return {
        name: format_quantity(value, brian2.get_unit(value.dim)) if isinstance(value, Quantity) else value
        for name, value in values.items()
    }


def format_quantity(value: Quantity, unit: Quantity) -> str:
    """Return `value` as text in multiples of `unit`; `parse_quantity` reads back exactly the same number."""
    number = float(value / unit)
    text = f"{number!r} {unit}"
    if float(parse_quantity(text, unit)) != float(value):
        text = f"{float(value)!r} {brian2.get_unit(unit.dim)}"
    return text


@dataclass(frozen=True)
class _Physical(Declared):
    """One quantity with the dimensions of a unit, in a range."""

    unit: Quantity
    range: Range

    def __call__(self, value: Any) -> Quantity:
        return parse_quantity(value, self.unit, self.range)


def _quantity_type(unit: Quantity, range: Range) -> Any:
    return Annotated[
        Quantity,
        _Physical(unit, range),
        PlainSerializer(lambda value: format_quantity(value, unit), return_type=str),
    ]


Time = _quantity_type(brian2.us, Range("lie between 1 fs and 1e6 s", least=1e-15, most=1e6))
Current = _quantity_type(brian2.uA, POSITIVE)
