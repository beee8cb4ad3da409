"""The table and the figure of the ladder of locality: accuracy, energy and support of each rung."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas

from brianff.analysis.style import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FIGURES", "ladder", "summarise"]


def summarise(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return a row for each rung and device: accuracy (per cent) with its deviation over seeds, energies of an image.

    The energies of learning one image (nJ) are those of programming and of its presentations; `needs` counts the
    entries of the digital support, which the study's table has in words.
    """
    groups = table.groupby(["rung", "device"], sort=False)
    joules = ["programming_joule", "neurons_joule", "reads_joule"]
    return pandas.DataFrame(
        {
            "accuracy": 100 * groups["accuracy"].mean(),
            "deviation": 100 * groups["accuracy"].std(),
            "pulses": groups["pulses"].mean(),
            **{name.replace("joule", "nJ"): 1e9 * groups[name].mean() for name in joules},
            "needs": groups["digital_support"].first().str.count("; ") + 1,
        }
    )


def ladder(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the accuracy of each rung, the best helped on top: seeds as points, a line of means for each device."""
    ax, rungs = new_axes(ax), list(dict.fromkeys(table["rung"]))
    places = table["rung"].map(rungs.index)
    for device, rows in table.groupby("device", sort=False):
        (line,) = ax.plot(
            100 * rows.groupby("rung", sort=False)["accuracy"].mean().reindex(rungs), range(len(rungs)), label=device
        )
        ax.plot(100 * rows["accuracy"], places[rows.index], "o", ms=3, color=line.get_color())
    ax.set_yticks(range(len(rungs)), rungs)
    ax.invert_yaxis()
    ax.set_xlabel("test accuracy (%)")
    ax.legend(frameon=False, fontsize=8)
    return ax


FIGURES = {"ladder": ("locality", ladder)}
"""Figures of the study: name to the table and the function that draws it."""
