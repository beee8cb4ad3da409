"""Measured pulse trains: a table of conductances after numbers of pulses becomes a law of devices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import siemens
from brian2.units.fundamentalunits import Quantity, have_same_dimensions
from scipy.optimize import isotonic_regression

from brianff.description.quantities import parse_quantity
from brianff.equations.devices import TableLaw
from brianff.errors import ConfigurationError
from brianff.storage.files import read_table

if TYPE_CHECKING:
    import pandas

__all__ = ["read_pulses", "read_trains"]


def read_pulses(pulses: str | Path | Mapping[str, Any]) -> tuple[TableLaw, dict[str, Quantity]]:
    """Return the law of measured pulse trains, and the ends of the range of both, "G_off" and "G_on".

    See `brianff.Device.from_table` for the table and its errors.
    """
    with _named(pulses):
        table = read_trains(pulses)
        (up_pulses, up), (down_pulses, down) = (_rising(way, table[table.direction == way]) for way in ("up", "down"))
        lower, upper = min(up[0], -down[-1]), max(up[-1], -down[0])
        law = TableLaw(
            up=_points(up_pulses, (up - lower) / (upper - lower)),
            down=_points(down_pulses, (down + upper) / (upper - lower)),
        )
    return law, {"G_off": lower * siemens, "G_on": upper * siemens}


def read_trains(
    pulses: str | Path | Mapping[str, Any],
    columns: Mapping[str, str] | None = None,
    needed: Sequence[str] = ("direction", "pulse"),
) -> pandas.DataFrame:
    """Return a table of measurements with the columns device, cycle, those `needed`, and conductance (siemens).

    Parameters
    ----------
    pulses : str, Path, pandas.DataFrame or mapping of str to array
        A CSV file or its columns. device and cycle may be missing: then there is one.
    columns : mapping of str to str, optional
        What a column means, and what it is called in the table: {"pulse": "n", "conductance_uS": "G"}.
    needed : sequence of str

    Raises
    ------
    ConfigurationError
        If a column is missing, or a value is no number or negative.
    """
    import pandas

    with _named(pulses):
        if isinstance(pulses, str | Path):
            table = read_table(pulses, ConfigurationError, skipinitialspace=True)
        else:
            table = pandas.DataFrame({name: _numbers(str(name), column) for name, column in dict(pulses).items()})
        if absent := [name for name in (columns or {}).values() if name not in table]:
            raise ValueError(f"no column {absent[0]!r} among {', '.join(map(str, table))}")
        return _checked(table.rename(columns={name: meaning for meaning, name in (columns or {}).items()}), needed)


@contextmanager
def _named(pulses: Any) -> Iterator[None]:
    """Turn errors of reading into one line that names the table."""
    try:
        yield
    except ConfigurationError:
        raise
    except (TypeError, ValueError) as error:
        name = repr(str(pulses)) if isinstance(pulses, str | Path) else "the table of measurements"
        raise ConfigurationError(f"{name}: {str(error).splitlines()[0]}") from None


def _numbers(name: str, column: Any) -> Any:
    """Return a column of quantities as numbers in the unit that its name ends in; any other as it is."""
    if not np.iterable(column) or not any(isinstance(value, Quantity) for value in column):
        return column
    unit = parse_quantity(f"1 {name.partition('_')[2]}", siemens)
    quantities = Quantity(list(column))
    if not have_same_dimensions(quantities, unit):
        raise ValueError(f"{name} is in {quantities.get_best_unit()}; give numbers or quantities in {unit}")
    return np.asarray(quantities / unit)


def _checked(table: pandas.DataFrame, needed: Sequence[str]) -> pandas.DataFrame:
    """Return the columns device, cycle, those needed, and conductance (siemens)."""
    import pandas

    measured = next((str(name) for name in table if re.fullmatch(r"conductance_\w+", str(name))), "conductance_S")
    if missing := [name for name in (*needed, measured) if name not in table]:
        raise ValueError(
            f"no column {missing[0]!r} among {', '.join(map(str, table))}; needed: {', '.join(needed)}, and "
            "conductance_S or another unit, such as conductance_uS"
        )
    identity = {name: table.get(name, 1) for name in ("device", "cycle")}
    table = table[[*needed, measured]].assign(**identity).reset_index(drop=True)
    if table[["device", "cycle"]].isna().any(axis=None):
        raise ValueError("device or cycle is empty in a row")
    for name in (*(name for name in needed if name != "direction"), measured):
        table[name] = pandas.to_numeric(table[name], errors="coerce")
        for wrong, reason in ((~np.isfinite(table[name]), "no number"), (table[name] < 0, "negative")):
            if wrong.any():
                raise ValueError(
                    f"{name} is {reason} in row {np.argmax(wrong) + 1} of the data: mend or remove the row"
                )
    if "direction" in needed:
        table["direction"] = table.direction.replace({"potentiation": "up", "depression": "down"})
    if "direction" in needed and (unknown := set(table.direction) - {"up", "down"}):
        raise ValueError(f"direction is {unknown.pop()!r}; it must be up or down, or potentiation or depression")
    table["conductance"] = table[measured] * float(parse_quantity(f"1 {measured.partition('_')[2]}", siemens))
    return table


def _rising(way: str, train: pandas.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the pulse numbers and values of the rising curve next to a mean train; a train down is turned over.

    Where noise makes the train go back, the points concerned are pooled into one in their middle: a curve that stood
    still would hold devices for ever.
    """
    rows = train.groupby("pulse").conductance.agg(["mean", "size"])
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} pulse numbers of direction {way!r}; at least 2 are needed")
    fit = isotonic_regression(rows["mean"] if way == "up" else -rows["mean"], weights=rows["size"])
    starts = fit.blocks[:-1]
    if starts.size < 2:
        change = "rise" if way == "up" else "fall"
        raise ValueError(f"the conductance does not {change} under pulses {way}; see the column direction")
    return np.add.reduceat(rows.index.to_numpy(float), starts) / np.diff(fit.blocks), fit.x[starts]


def _points(pulses: np.ndarray, distances: np.ndarray) -> list[tuple[float, float]]:
    """Return the points of a curve, continued to the end of the range where the other train went further."""
    if distances[0] > 0:
        first = pulses[0] - distances[0] * (pulses[1] - pulses[0]) / (distances[1] - distances[0])
        pulses, distances = np.append(first, pulses), np.append(0.0, distances)
    return list(zip((pulses - pulses[0]).tolist(), distances.tolist(), strict=True))
