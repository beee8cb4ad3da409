"""Physical quantities in descriptions: Brian2 quantities in Python, text such as "32 uA" in TOML."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import brian2
from brian2.units.allunits import all_units
from brian2.units.fundamentalunits import Quantity, get_dimensions, have_same_dimensions
from pydantic import BeforeValidator, PlainSerializer

__all__ = ["Current", "Time", "as_text", "format_quantity", "parse_like", "parse_quantity"]

_UNITS = {str(unit): unit for unit in all_units if re.fullmatch(r"[A-Za-z]+", str(unit))}
_TEXT = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z]+)\s*")


def parse_quantity(value: Any, unit: Quantity) -> Quantity:
    """Return `value` as a quantity with the dimensions of `unit`.

    Parameters
    ----------
    value : brian2.Quantity or str
        A quantity, or a number and a unit symbol, such as ``"32 uA"``.
    unit : brian2.Quantity
        A unit with the wanted dimensions; used in the error message as the example.

    Raises
    ------
    ValueError
        If the text has no known unit, or the dimensions are not those of `unit`.
    """
    example = f'write a number and a unit, such as "1 {unit}"'
    if isinstance(value, str):
        match = _TEXT.fullmatch(value)
        if match is None or match[2] not in _UNITS:
            raise ValueError(f"{value!r} is not a quantity; {example}")
        value = float(match[1]) * _UNITS[match[2]]
    if not have_same_dimensions(value, unit):
        raise ValueError(f"{value!s} has the dimensions {get_dimensions(value)}, not those of {unit}; {example}")
    return Quantity(value)


def parse_like(value: Any, example: Any) -> Any:
    """Return text or a value as a quantity with the dimensions of `example`, or as a plain number if it has none."""
    if get_dimensions(example).is_dimensionless:
        try:
            if get_dimensions(value if not isinstance(value, str) else 1).is_dimensionless:
                return float(value)
        except (TypeError, ValueError):
            pass
        raise ValueError(f"{str(value)!r} is not a number")
    return parse_quantity(value, brian2.get_unit(get_dimensions(example)))


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


def _quantity_type(unit: Quantity) -> Any:
    return Annotated[
        Quantity,
        BeforeValidator(lambda value: parse_quantity(value, unit)),
        PlainSerializer(lambda value: format_quantity(value, unit), return_type=str),
    ]


Time = _quantity_type(brian2.us)
Current = _quantity_type(brian2.uA)
