"""The figure of the robustness study: accuracy against what is wrong with the devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import BLUE, GREY, ORANGE, new_figure, require

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["FIGURES", "robustness", "summarise"]

_LABELS = {
    "levels": "levels",
    "nonlinearity": "nonlinearity label",
    "cycle spread": "cycle-to-cycle spread / step",
    "device spread": "device-to-device spread / step",
    "stuck share": "stuck devices (%)",
    "one-sided pairs": "one-sided pairs, reset above",
    "pulses endured": "pulses that a device endures",
    "wire resistance": "wire from cell to cell (Ω)",
    "read levels": "levels of a converter",
    "read disturb": "creep by 10⁶ reads / range",
    "drift time": "time since programming",
}
_TIMES = {"0": 0.0, "1 min": 60.0, "1 h": 3600.0, "1 d": 86_400.0, "30 d": 30 * 86_400.0, "1 y": 365 * 86_400.0}


def summarise(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return the accuracy in per cent, mean over seeds: weights transferred, and after learning in place."""
    pivot = table.assign(accuracy=100 * table["accuracy"])
    pivot = pivot.pivot_table("accuracy", ["property", "value"], "learning", "mean", sort=False)
    return pivot.rename(columns={0: "transferred", 1: "learned in place"})


def robustness(table: pandas.DataFrame, axes: np.ndarray | None = None) -> np.ndarray:
    """Plot accuracy against each property, before and after learning in place.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns property, value, seed, learning (0 or 1), accuracy.
    axes : array of Axes, optional
        One for each property in the table.

    Returns
    -------
    ndarray of Axes
        Lines are means over seeds, bands their range.

    Raises
    ------
    ConfigurationError
        If the table is empty, or lacks columns.
    """
    missing = {"property", "value", "seed", "learning", "accuracy"} - set(table.columns)
    require(not missing and len(table) > 0, f"the table is empty or lacks columns: {', '.join(sorted(missing))}")
    properties = list(dict.fromkeys(table["property"]))
    if axes is None:
        rows = -(-len(properties) // 3)
        figure = new_figure((8.0, 2.5 * rows))
        axes = figure.subplots(rows, 3, sharey=True, squeeze=False).ravel()
        for unused in axes[len(properties) :]:
            unused.set_axis_off()
    axes = np.asarray(axes).ravel()
    for ax, name in zip(axes, properties, strict=False):
        _panel(ax, table[table["property"] == name], name)
    for ax in axes[:: 3 if len(axes) > 2 else 1]:
        ax.set_ylabel("test accuracy (%)")
    axes[0].legend(frameon=False, fontsize=7, loc="lower right")
    return axes


def _panel(ax: Axes, rows: pandas.DataFrame, name: str) -> None:
    for learning, colour, style, label in (
        (0, ORANGE, "s--", "weights transferred"),
        (1, BLUE, "o-", "after learning in place"),
    ):
        accuracy = 100 * rows[rows["learning"] == learning].groupby("value")["accuracy"].agg(["mean", "min", "max"])
        places = np.arange(len(accuracy))  # values are spaced unevenly over decades: by rank
        ax.plot(places, accuracy["mean"], style, color=colour, markersize=3, label=label)
        ax.fill_between(places, accuracy["min"], accuracy["max"], color=colour, alpha=0.2, linewidth=0)
    values = sorted(set(rows["value"]))
    ax.set_xticks(np.arange(len(values)), [_tick(value, name) for value in values], fontsize=8)
    ax.set_xlabel(_LABELS.get(name, name))
    ax.set_ylim(0, 100)
    ax.grid(axis="y", color=GREY, alpha=0.2)
    ax.spines[["top", "right"]].set_visible(False)


def _tick(value: float, name: str) -> str:
    if name == "stuck share":
        return f"{100 * value:g}"
    if name == "drift time":
        return next((text for text, seconds in _TIMES.items() if seconds == value), f"{value / 365 / 86_400:g} y")
    return f"{value:g}"


FIGURES = {"robustness": ("robustness", robustness)}
"""Figures of the study: name to table and function that draws it."""
