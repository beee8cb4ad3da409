"""The table and the figures of the study of equivalence in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.analysis.style import BLUE, GREY, ORANGE, VERMILION, new_axes, new_figure
from brianff.protocols.studies.equivalence_in_time import TIME_CONSTANT, exponential_window

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "cosines", "error_against_cutoff", "summarise", "windows"]


def summarise(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return the cosine of each rule with the gradient, mean and 95 % interval by Student's t over seeds, cut at 1.

    Parameters
    ----------
    table : pandas.DataFrame
        equivalence_in_time.csv.

    Returns
    -------
    pandas.DataFrame
        Index task, goodness, epochs, rule; columns seeds, cosine, low, high; the interval of one seed is nan.
    """
    from scipy.stats import t

    grouped = table.groupby(["task", "goodness", "epochs", "rule"], sort=False)["cosine"]
    rows = grouped.agg(seeds="count", cosine="mean", deviation="std")
    half = rows["deviation"] / np.sqrt(rows["seeds"]) * t.ppf(0.975, rows["seeds"] - 1)
    low, high = (rows["cosine"] - half).clip(-1, 1), (rows["cosine"] + half).clip(-1, 1)
    return rows.drop(columns="deviation").assign(low=low, high=high)


def cosines(table: pandas.DataFrame) -> Figure:
    """Plot the cosine of each rule with the gradient: means and intervals, a panel for each task and goodness."""
    rows, rules = summarise(table).reset_index(), list(dict.fromkeys(table["rule"]))
    panels = list(dict.fromkeys(zip(table["task"], table["goodness"], strict=True)))
    epochs = sorted(table["epochs"].unique())
    figure = new_figure((2.1 * len(panels) + 2.2, 3.2))
    titles = {"order": "which came first", "latency": "latency code"}
    for ax, (task, goodness) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels, strict=True
    ):
        ax.axvline(0, color=GREY, linewidth=0.8)
        part = rows[(rows["task"] == task) & (rows["goodness"] == goodness)]
        for number, epoch in enumerate(epochs):
            seen = part[part["epochs"] == epoch].set_index("rule").loc[rules]
            place = np.arange(len(rules)) + 0.22 * (number - (len(epochs) - 1) / 2)
            reach = [
                (sign * (seen["cosine"] - seen[end])).clip(0).fillna(0) for sign, end in ((1, "low"), (-1, "high"))
            ]
            colour = (ORANGE, VERMILION, BLUE)[number % 3]
            label = "untrained" if epoch == 0 else f"after {epoch} epoch{'s' if epoch > 1 else ''}"
            ax.errorbar(seen["cosine"], place, xerr=reach, fmt="o", color=colour, ms=3.5, capsize=2, lw=1, label=label)
        ax.set_yticks(range(len(rules)), rules, fontsize=8)
        ax.set(xlabel="cosine with the gradient", xlim=(-0.6, 1.08), ylim=(len(rules) - 0.5, -0.5))
        ax.set_title(f"{titles[task]}, {goodness}", fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(epochs), frameon=False, fontsize=8)
    return figure


def windows(table: pandas.DataFrame) -> Figure:
    """Plot the change that the rule gives to an input event against its time before the teacher, beside STDP's window.

    Parameters
    ----------
    table : pandas.DataFrame
        window.csv. Each curve is divided by its largest absolute value.
    """
    figure = new_figure((6.8, 4.6))
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    drives = sorted(table["drive"].unique())
    for row, goodness in zip(panels, ("voltage", "spikes"), strict=True):
        for ax, neuron in zip(row, ("MIF", "LIF"), strict=True):
            ax.axhline(0, color=GREY, linewidth=0.6)
            ax.axvline(0, color=GREY, linewidth=0.6)
            for side in (np.linspace(-150, -1e-3, 200), np.linspace(0, 150, 200)):
                ax.plot(side, exponential_window(side) / 1.05, ":", color=GREY, lw=1.2)
            part = table[(table["neuron"] == neuron) & (table["goodness"] == goodness)]
            for drive, colour in zip(drives, (BLUE, VERMILION), strict=False):
                curve = part[(part["drive"] == drive) & (part["lag"].abs() <= 150)].sort_values("lag")
                scale = curve["change"].abs().max() or 1.0
                for side in (curve[curve["lag"] < 0], curve[curve["lag"] > 0]):
                    ax.plot(side["lag"], side["change"] / scale, ".-", color=colour, ms=4, lw=1.2)
            ax.set(xlim=(-155, 155), ylim=(-1.15, 1.15))
            ax.spines[["top", "right"]].set_visible(False)
            name = "memristive neuron (MIF)" if neuron == "MIF" else "linear membrane (LIF)"
            ax.set_title(f"{name}, goodness by {goodness}", fontsize=9)
    for ax in panels[-1]:
        ax.set_xlabel("teacher's time - input event's time (µs)", fontsize=9)
    figure.supylabel("change of the weight / largest", fontsize=9)
    lines: list[Any] = [
        *(panels[0, 0].plot([], [], ".-", color=c)[0] for c in (BLUE, VERMILION)[: len(drives)]),
        panels[0, 0].plot([], [], ":", color=GREY)[0],
    ]
    labels = [f"input event of drive {drive:g}" for drive in drives]
    labels.append(f"pair-based STDP, exponential, {TIME_CONSTANT:g} µs")
    figure.legend(lines, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def error_against_cutoff(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the relative error of the change against the number of later windows in which an event is credited."""
    ax = new_axes(ax)
    for (goodness, part), colour in zip(table.groupby("goodness", sort=False), (BLUE, VERMILION), strict=False):
        means = part.groupby("later_windows")["relative_error"].mean()
        ax.semilogy(means.index, means, "-", color=colour, label=f"goodness by {goodness}")
        ax.plot(part["later_windows"], part["relative_error"], "o", color=colour, ms=4)
    ax.set_xticks(sorted(table["later_windows"].unique()))
    ax.set(xlabel="later events, 40 µs apart, to which an event is credited", ylabel="relative error of the change")
    ax.legend(frameon=False, fontsize=8)
    return ax


FIGURES = {
    "cosines": ("equivalence_in_time", cosines),
    "implied-windows": ("window", windows),
    "error-against-cutoff": ("cutoff", error_against_cutoff),
}
"""Figures of the study: name to the table and the function that draws it."""
