"""The table and the figure of accuracy against the gap between two images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brianff.analysis.style import BLUE, GREY, new_axes

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["FIGURES", "accuracy_against_gap", "summarise"]


def summarise(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return the mean accuracy (per cent) of each gap (us), with moving and with frozen memristors."""
    return 100 * table.pivot_table("accuracy", "gap", "memristors")[["moving", "frozen"]]


def accuracy_against_gap(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the accuracy of each seed, and the means, against the gap."""
    ax = new_axes(ax)
    for (memristors, means), colour in zip(summarise(table).items(), (BLUE, GREY), strict=True):
        seeds = table[table["memristors"] == memristors]
        ax.semilogx(means.index, means, "-", color=colour, label=f"memristors {memristors}")
        ax.plot(seeds["gap"], 100 * seeds["accuracy"], "o", color=colour, ms=4)
    gaps = sorted(table["gap"].unique())
    ax.set_xticks(gaps, [f"{gap:g}" for gap in gaps])
    ax.set_xticks([], minor=True)
    ax.set(xlabel="gap (µs)", ylabel="which digit came first (%)")
    ax.legend(frameon=False, fontsize=8)
    return ax


FIGURES = {"accuracy-against-gap": ("gap", accuracy_against_gap)}
"""Figures of the study: name to the table and the function that draws it."""
