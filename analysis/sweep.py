"""The table and the figure of a sweep: the effect of each value, with its spread over seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import BLUE, GREY, new_axes, require

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "draw_sweep", "effect", "heat_map", "summarise"]


def _values(table: pandas.DataFrame) -> list[str]:
    """Return the columns of values: those before the seed."""
    require("seed" in table, "this is no table of a sweep: it has no column 'seed'")
    return list(table.columns[: table.columns.get_loc("seed")])


def _varied(table: pandas.DataFrame) -> list[str]:
    return [name for name in _values(table) if table[name].nunique(dropna=False) > 1]


def _measured(table: pandas.DataFrame, quantity: str | None) -> str:
    """Return the column that is looked at: by default the accuracy on held-out images."""
    name = quantity or ("validation_accuracy" if "validation_accuracy" in table else "test_accuracy")
    require(name in table, f"the table has no column {name!r}")
    return name


def summarise(table: pandas.DataFrame, quantity: str | None = None) -> pandas.DataFrame:
    """Return a row for each combination of values: mean, spread and number of seeds.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a sweep: columns of values, seed, error, and what was measured.
    quantity : str, optional
        What is looked at; default: the accuracy on held-out images.

    Returns
    -------
    pandas.DataFrame
        Columns of values that vary, then mean, std (standard deviation over seeds, nan for one) and seeds; points that
        failed count in none of them.
    """
    names, measured = _varied(table) or _values(table) or ["seed"], _measured(table, quantity)
    groups = table.groupby(names, sort=False, dropna=False)[measured]
    return groups.agg(["mean", "std", "count"]).rename(columns={"count": "seeds"}).reset_index()


def _numbers(column: pandas.Series) -> tuple[pandas.Series, str]:
    """Return values as they are drawn, quantities of one unit as numbers, and the unit."""
    parts = column.astype(str).str.extract(r"^\s*([-+.\deE]+)\s*([A-Za-z]+)\s*$")
    if parts.notna().all(axis=None) and parts[1].nunique() == 1:
        return parts[0].astype(float), f" ({parts[1].iloc[0]})"
    return column, ""


def effect(table: pandas.DataFrame, name: str, quantity: str | None = None, ax: Axes | None = None) -> Axes:
    """Plot what a value does, on average over all others: dots are seeds, bars their standard deviation.

    Parameters
    ----------
    table : pandas.DataFrame
        As `summarise` takes it.
    name : str
        A column of values. Numbers that span more than a factor of 20 are drawn on a logarithmic axis.
    quantity, ax : optional
    """
    measured = _measured(table, quantity)
    require(name in _values(table), f"the sweep has no values {name!r}")
    levels, unit = _numbers(table[name])
    numbers, ax = levels.dtype.kind in "if", new_axes(ax)
    seeds = table.assign(**{name: levels}).pivot_table(measured, name, "seed", aggfunc="mean", sort=numbers)
    place = seeds.index.to_numpy(float) if numbers else np.arange(len(seeds))
    mean, spread = seeds.mean(axis=1).to_numpy(float), seeds.std(axis=1).to_numpy(float)
    few = len(seeds) <= 12  # else drawn, and met once
    ax.errorbar(place, mean, spread, fmt="o-" if few else "o", color=BLUE, ms=4, capsize=2)
    ax.plot(place, seeds.to_numpy(float), ".", color=GREY, markersize=4, zorder=3)
    if numbers and place.min() > 0 and place.max() > 20 * place.min():
        ax.set_xscale("log")
    if few or not numbers:
        ax.set_xticks(place, [f"{one:g}" if numbers else str(one) for one in seeds.index])
        ax.set_xticks([], minor=True)
        ax.tick_params(axis="x", rotation=0 if numbers else 30)
    ax.set(xlabel=f"{name}{unit}", ylabel=measured.replace("_", " "))
    return ax


def heat_map(
    table: pandas.DataFrame, across: str, down: str, quantity: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the mean over seeds for each pair of two values; pairs that were not met stay empty.

    Parameters
    ----------
    table : pandas.DataFrame
        As `summarise` takes it.
    across, down : str
        Columns of values.
    quantity, ax : optional
    """
    measured, ax = _measured(table, quantity), new_axes(ax)
    means = table.pivot_table(measured, down, across, aggfunc="mean", sort=False)
    image = ax.imshow(means, origin="lower", aspect="auto", cmap="cividis")
    ax.set_xticks(range(means.shape[1]), [str(one) for one in means.columns])
    ax.set_yticks(range(means.shape[0]), [str(one) for one in means.index])
    ax.set(xlabel=across, ylabel=down)
    ax.figure.colorbar(image, ax=ax, label=measured.replace("_", " "))
    return ax


def draw_sweep(table: pandas.DataFrame, quantity: str | None = None) -> Figure:
    """Draw the effect of each value that varies, and where two do, over few levels, a heat map of both."""
    from matplotlib.figure import Figure

    varied = _varied(table)
    grid = len(varied) == 2 and all(table[name].nunique() <= 12 for name in varied)
    panels = (varied or ["seed"]) + [""] * grid
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.8 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for name, ax in zip(varied, axes, strict=False):
        ax.spines[["top", "right"]].set_visible(False)
        effect(table, name, quantity, ax)
    if grid:
        heat_map(table, varied[0], varied[1], quantity, axes[2])
    if not varied:
        measured = _measured(table, quantity)
        axes[0].plot(table["seed"], table[measured], "o", color=BLUE)
        axes[0].set(xlabel="seed", ylabel=measured.replace("_", " "))
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    return figure


FIGURES = {"sweep": ("sweep", draw_sweep)}
"""Figures of the study: name of the file to table and function."""
