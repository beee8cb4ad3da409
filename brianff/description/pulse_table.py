"""Measured pulse trains: a table of conductances after numbers of pulses becomes a law of devices."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import siemens
from brian2.units.fundamentalunits import Quantity
from scipy.optimize import isotonic_regression

from brianff.description.quantities import parse_quantity
from brianff.equations.devices import TableLaw
from brianff.errors import ConfigurationError

__all__ = ["read_pulses"]

_UNIT = re.compile(r"conductance_(\w+)")


def read_pulses(pulses: str | Path | Mapping[str, Any]) -> tuple[TableLaw, dict[str, Quantity]]:
    """Return the law of measured pulse trains, and the ends of the range of both, "G_off" and "G_on".

    See `brianff.Device.from_table` for the table and its errors.
    """
    name, columns = "the table of pulses", pulses
    if isinstance(pulses, str | Path):
        name = str(pulses)
        try:
            with Path(pulses).open(encoding="utf-8-sig", newline="") as file:
                header, *rows = csv.reader(row for row in file if row.strip())
            columns = dict(zip(map(str.strip, header), zip(*rows, strict=True), strict=True))
        except OSError as error:
            raise ConfigurationError(f"{name} cannot be read: {error.strerror}; name a CSV file") from None
        except ValueError:
            raise ConfigurationError(f"{name} is no table: rows of equal length below a header are needed") from None
    try:
        trains = _trains(columns)
        (up_pulses, up), (down_pulses, down) = (_rising(direction, *trains[direction]) for direction in _SIGNS)
        lower, upper = min(up[0], -down[-1]), max(up[-1], -down[0])
        span = upper - lower
        law = TableLaw(
            _points(up_pulses, (up - lower) / span),
            _points(down_pulses, (down + upper) / span),
        )
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None
    return law, {"G_off": lower * siemens, "G_on": upper * siemens}


_SIGNS = {"up": 1.0, "down": -1.0}


def _trains(columns: Any) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return the pulse numbers of each direction, their mean conductances (siemens), and of how many rows."""
    names = [str(name) for name in columns]
    unit = next(filter(None, map(_UNIT.fullmatch, names)), None)
    missing = [name for name in ("direction", "pulse") if name not in names] + ["conductance_S"] * (unit is None)
    if missing:
        needed = "direction (up or down), pulse, and conductance_S or another unit such as conductance_uS"
        raise ValueError(f"no column {missing[0]!r} among {', '.join(names)}; needed: {needed}")
    assert unit is not None
    direction = np.char.strip(np.asarray(columns["direction"], dtype=str))
    pulse, conductance = (_numbers(name, columns[name]) for name in ("pulse", unit[0]))
    conductance = conductance * float(parse_quantity(f"1 {unit[1]}", siemens))
    if (conductance < 0).any():
        raise ValueError(f"{unit[0]} is negative in row {np.argmax(conductance < 0) + 1}; subtract the offset, or clip")
    if unknown := set(direction.tolist()) - set(_SIGNS):
        raise ValueError(f"direction is {min(unknown)!r}; it must be up or down")
    trains = {}
    for name in _SIGNS:
        chosen = direction == name
        numbers, place, rows = np.unique(pulse[chosen], return_inverse=True, return_counts=True)
        if numbers.size < 2:
            raise ValueError(f"{numbers.size} pulse numbers of direction {name!r}; at least 2 are needed")
        trains[name] = numbers, np.bincount(place, conductance[chosen]) / rows, rows
    return trains


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=float)
    except ValueError as error:
        raise ValueError(f"column {name}: {error}; remove or mend the row") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} is not finite in row {np.argmax(~np.isfinite(numbers)) + 1}; remove the row")
    return numbers


def _rising(direction: str, pulses: np.ndarray, mean: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pulse numbers and values of the rising curve next to a mean train; a train down is turned over.

    Where noise makes the train go back, the points concerned are pooled into one in their middle: a curve that stood
    still would hold devices for ever.
    """
    fit = isotonic_regression(_SIGNS[direction] * mean, weights=rows)
    starts, sizes = fit.blocks[:-1], np.diff(fit.blocks)
    if starts.size < 2:
        change = "rise" if direction == "up" else "fall"
        raise ValueError(f"the conductance does not {change} under pulses {direction}; see the column direction")
    return np.add.reduceat(pulses, starts) / sizes, fit.x[starts]


def _points(pulses: np.ndarray, distances: np.ndarray) -> list[tuple[float, float]]:
    """Return the points of a curve, continued to the end of the range where the other train went further."""
    if distances[0] > 0:
        first = pulses[0] - distances[0] * (pulses[1] - pulses[0]) / (distances[1] - distances[0])
        pulses, distances = np.append(first, pulses), np.append(0.0, distances)
    return list(zip((pulses - pulses[0]).tolist(), distances.tolist(), strict=True))
