"""The figure and the short table of the study of STDP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import COLOURS, GREY, new_figure
from brianff.protocols.studies.temporal_patterns import CLASSES

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "plot_accuracies", "summarise"]


def summarise(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return the accuracy in per cent, mean over seeds: rule by task and readout."""
    pivot = table.assign(accuracy=100 * table["accuracy"])
    return pivot.pivot_table("accuracy", "rule", ["task", "readout"], "mean", sort=False)


def plot_accuracies(table: pandas.DataFrame) -> Figure:
    """Plot the accuracy of each rule and readout, a panel for each task; dots are seeds, the line is chance.

    Parameters
    ----------
    table : pandas.DataFrame
        stdp.csv.
    """
    tasks = list(dict.fromkeys(table["task"]))
    titles = {"mnist": ("MNIST, rate-coded", 10.0), "order": ("order of three events", 100 / CLASSES)}
    rules = list(dict.fromkeys(table["rule"]))
    readouts = ("goodness", "linear", "majority")
    figure = new_figure((3.6 * len(tasks) + 1, 3.2))
    panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    for ax, task in zip(panels, tasks, strict=True):
        title, chance = titles[task]
        for place, (readout, colour) in enumerate(zip(readouts, COLOURS, strict=False)):
            part = table[(table["task"] == task) & (table["readout"] == readout)]
            height = np.array([rules.index(rule) for rule in part["rule"]]) + 0.22 * (place - 1)
            ax.plot(100 * part["accuracy"], height, "o", color=colour, ms=4, alpha=0.7, label=readout)
        ax.axvline(chance, color=GREY, linestyle=":", linewidth=1, label="chance")
        ax.set(xlabel="test accuracy (%)", xlim=(0, 102))
        ax.set_yticks(range(len(rules)), rules, fontsize=8)
        ax.set_title(title, fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8, title="readout")
    return figure


FIGURES = {"stdp": ("stdp", plot_accuracies)}
"""Figures of the study: name to table and function that draws it."""
