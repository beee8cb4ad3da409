"""The figure of the rate limit: the error of the spiking Hebbian change against the steps of a presentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import COLOURS, GREY, new_axes

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["fitted_slope", "plot_rate_limit"]


def plot_rate_limit(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the error of the spiking Hebbian change against the steps of a presentation.

    Parameters
    ----------
    table : pandas.DataFrame
        rate-limit.csv.
    ax : Axes, optional
    """
    ax = new_axes(ax, (4.4, 3.2))
    for colour, marker, (rule, rows) in zip(COLOURS, "os^", table.groupby("steps_per_spike", sort=False), strict=False):
        rows = rows.sort_values("steps")
        ax.loglog(rows["steps"], rows["relative_error"], f"{marker}-", color=colour, ms=4, label=f"n = {rule}")
    limit = table[table["steps_per_spike"] == "sqrt(T)"].sort_values("steps")
    reference = limit["relative_error"].iloc[-1] * np.sqrt(limit["steps"].iloc[-1] / limit["steps"])
    ax.loglog(limit["steps"], reference, ":", color=GREY, label="slope -1/2 (expected)")
    ax.set(xlabel="steps of a presentation T", ylabel="relative error of the\nspiking Hebbian change")
    ax.set_title(f"fitted slope of n = sqrt(T): {fitted_slope(table):.2f}", fontsize=9)
    ax.legend(frameon=False, fontsize=8, title="steps per spike n", title_fontsize=8)
    return ax


def fitted_slope(table: pandas.DataFrame) -> float:
    """Return the slope of log error over log steps for n = sqrt(T)."""
    limit = table[table["steps_per_spike"] == "sqrt(T)"]
    return float(np.polyfit(np.log(limit["steps"]), np.log(limit["relative_error"]), 1)[0])
