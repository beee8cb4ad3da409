"""The table and the figure of the controls of a protocol: paired differences over seeds, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import BLUE, GREY, new_figure, require

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["FIGURES", "TABLES", "differences", "summarise"]

_REFERENCE = "as it is"


def summarise(table: pandas.DataFrame, over_images: pandas.DataFrame | None = None) -> pandas.DataFrame:
    """Return a row for each control: its accuracy, and how it differs from the protocol as it is, seed by seed.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns control, seed, accuracy, and whatever else was measured.
    over_images : pandas.DataFrame, optional
        Columns control and p_images: of no difference over the held-out images, given these trained networks.

    Returns
    -------
    pandas.DataFrame
        Index control; columns seeds, accuracy (per cent, mean), difference (points, mean of the pairs), low and high:
        its 95 % interval by Student's t, nan for one seed; p_images, if given.
    """
    import pandas
    from scipy.stats import t

    accuracy = 100 * table.pivot_table("accuracy", "seed", "control", sort=False)
    pairs = accuracy.sub(accuracy[_REFERENCE], axis=0)
    count = pairs.count()
    with np.errstate(invalid="ignore"):
        half = pairs.std() / np.sqrt(count) * t.ppf(0.975, count - 1)
    mean = pairs.mean()
    columns = {"seeds": count, "accuracy": accuracy.mean(), "difference": mean, "low": mean - half, "high": mean + half}
    summary = pandas.DataFrame(columns)
    return summary if over_images is None else summary.join(over_images.set_index("control")["p_images"])


def differences(table: pandas.DataFrame, axes: Axes | None = None) -> Axes:
    """Plot the difference of each control from the protocol as it is: dots are seeds, bars 95 % intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        As `summarise` takes it.
    axes : Axes, optional
    """
    missing = {"control", "seed", "accuracy"} - set(table.columns)
    require(not missing and len(table) > 0, f"the table is empty or lacks columns: {', '.join(sorted(missing))}")
    rows = summarise(table).drop(index=_REFERENCE)
    if axes is None:
        axes = new_figure((6.5, 0.6 + 0.32 * len(rows))).subplots()
    place = np.arange(len(rows))[::-1]
    accuracy = 100 * table.pivot_table("accuracy", "seed", "control", sort=False)
    for y, control in zip(place, rows.index, strict=True):
        seeds = accuracy[control] - accuracy[_REFERENCE]
        axes.plot(seeds, np.full(len(seeds), y), ".", color=GREY, markersize=4)
    half = (rows["high"] - rows["difference"]).fillna(0)
    axes.errorbar(rows["difference"], place, xerr=half, fmt="o", color=BLUE, markersize=5, capsize=3)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(place, [f"{name} ({row.accuracy:.1f} %)" for name, row in rows.iterrows()])
    reference = accuracy[_REFERENCE].mean()
    axes.set_xlabel(f"accuracy, points from the protocol as it is ({reference:.1f} %)")
    return axes


TABLES = ("controls", "over-images")
"""Tables of the study that `summarise` takes."""

FIGURES = {"controls": ("controls", differences)}
"""Figures of the study: name of the file to table and function."""
