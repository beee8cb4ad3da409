"""Accuracy in tasks of order, with moving and with frozen memristors: against the gap, and against an image's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brianff.analysis.style import BLUE, GREY, new_axes, require

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["FIGURES", "accuracy_against_gap", "serial_position", "summarise"]


def summarise(table: pandas.DataFrame, against: str = "gap") -> pandas.DataFrame:
    """Return the mean accuracy (per cent) at each gap (us), or of what else, with moving and with frozen memristors."""
    return 100 * table.pivot_table("accuracy", against, "memristors")[["moving", "frozen"]]


def accuracy_against_gap(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the accuracy of each seed, and the means, against the gap.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns gap (us), memristors ("moving" or "frozen"), seed, accuracy.
    ax : matplotlib Axes, optional
    """
    ax = new_axes(ax)
    ax.set_xscale("log")
    ax.set(xlabel="gap (µs)", ylabel="which digit came first (%)")
    return _drawn(table, "gap", ax)


def serial_position(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the accuracy of each seed, and the means, against the place of the image whose class is asked for.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns asked (place of the image, from 0), memristors ("moving" or "frozen"), seed, accuracy.
    ax : matplotlib Axes, optional
    """
    ax = new_axes(ax)
    ax.set(xlabel="place of the image that is asked for", ylabel="class of that image (%)")
    return _drawn(table.assign(asked=table["asked"] + 1), "asked", ax)


def _drawn(table: pandas.DataFrame, against: str, ax: Axes) -> Axes:
    require(len(table) > 0, "the table has no rows to draw")
    for (memristors, means), colour in zip(summarise(table, against).items(), (BLUE, GREY), strict=True):
        seeds = table[table["memristors"] == memristors]
        ax.plot(means.index, means, "-", color=colour, label=f"memristors {memristors}")
        ax.plot(seeds[against], 100 * seeds["accuracy"], "o", color=colour, ms=4)
    places = sorted(table[against].unique())
    ax.set_xticks(places, [f"{one:g}" for one in places])
    ax.set_xticks([], minor=True)
    ax.legend(frameon=False, fontsize=8)
    return ax


FIGURES = {"accuracy-against-gap": ("gap", accuracy_against_gap)}
"""Figures of the study: name to the table and the function that draws it."""
