"""The figures of the study of equivalence, and the measurements behind it (`brianff.protocols.equivalence`)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, product
from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import COLOURS, GREY, legend_above, new_axes, require
from brianff.protocols.equivalence import (
    Comparison,
    compare,
    compare_layers,
    equivalence,
    hebbian_change,
    numerical_gradient,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FIGURES",
    "Comparison",
    "compare",
    "compare_layers",
    "equivalence",
    "fitted_slope",
    "foretold",
    "hebbian_change",
    "neuron_cosines",
    "numerical_gradient",
    "plot_cosines",
    "plot_rate_limit",
    "summarise",
]


def summarise(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return the corrected cosine of the neo-Hebbian change: goodness by neuron, mean over stages, forms and sets."""
    hebbian = table[table["rule"] == "hebbian"]
    return hebbian.pivot_table("corrected_cosine", "goodness", "neuron", "mean", sort=False)


def foretold(cost: pandas.DataFrame, chance: float = 0.1) -> pandas.DataFrame:
    """Return how well the cosine of the neo-Hebbian change foretells the accuracy lost by it, over goodness functions.

    Parameters
    ----------
    cost : pandas.DataFrame
        cost.csv, with the columns neuron, goodness, seed, batches (of training before the cosine was measured),
        corrected_cosine, local_rule, hebbian (accuracies after training by either).
    chance : float
        Accuracy where a training diverged.

    Returns
    -------
    pandas.DataFrame
        Columns neuron, batches, seeds, goodness_functions (those whose cosine and loss are the same to 0.001 and 0.01
        count once), spearman (rank correlation of cosine and loss, means over the seeds), low, high (95 %, by Fisher's
        transform with the variance 1.06 / (n - 3) of Fieller et al. 1957; nan below four functions), lowest, highest
        (of single seeds).
    """
    import pandas

    lost = (cost["local_rule"] - cost["hebbian"].fillna(chance)).rename("lost")
    measured = cost.assign(lost=lost).dropna(subset=["corrected_cosine", "lost"])
    rows = []
    for (neuron, batches), part in measured.groupby(["neuron", "batches"], sort=False):
        found, functions = _rank_correlation(part)
        if functions < 3:
            continue
        of_seeds = [_rank_correlation(one)[0] for _, one in part.groupby("seed")]
        half = 1.96 * np.sqrt(1.06 / (functions - 3)) if functions > 3 else np.nan
        low, high = np.tanh(np.arctanh(found) + np.array([-half, half]))
        row = {"neuron": neuron, "batches": batches, "seeds": len(of_seeds), "goodness_functions": functions}
        row |= {"spearman": found, "low": low, "high": high, "lowest": min(of_seeds), "highest": max(of_seeds)}
        rows.append(row)
    return pandas.DataFrame(rows)


def _rank_correlation(part: pandas.DataFrame) -> tuple[float, int]:
    """Return Spearman's correlation of cosine and loss, means over the seeds, and the number of goodness functions."""
    from scipy.stats import spearmanr

    means = part.groupby("goodness", sort=False)[["corrected_cosine", "lost"]].mean()
    # Functions that are one up to a factor, such as mean and sum: rounding errors alone tell them apart.
    means = means[~means.round({"corrected_cosine": 3, "lost": 2}).duplicated()]
    return float(spearmanr(means["corrected_cosine"], means["lost"]).statistic), len(means)


def plot_cosines(table: pandas.DataFrame) -> Figure:
    """Plot the cosine with the gradient over training, pair form: a row per neuron, a column per data set.

    Parameters
    ----------
    table : pandas.DataFrame
        equivalence.csv.

    Returns
    -------
    Figure
        Solid lines: the neo-Hebbian change; dotted grey: the local rule, mean over goodness functions, with its range.
    """
    from matplotlib.figure import Figure

    table = table[table["probability"] == "pair"]
    neurons, datasets, names = (list(dict.fromkeys(table[key])) for key in ("neuron", "dataset", "goodness"))
    titles = {"relu": "analog relu", "mif": "MIF", "lif": "LIF"}
    figure = Figure(figsize=(1.6 + 2.9 * len(datasets), 0.6 + 2.1 * len(neurons)), layout="constrained")
    panels = figure.subplots(len(neurons), len(datasets), sharex=True, sharey=True, squeeze=False)
    styles = [(colour, line) for line in ("-", "--") for colour in COLOURS]
    for (row, neuron), (column, dataset) in product(enumerate(neurons), enumerate(datasets)):
        ax = panels[row, column]
        part = table[(table["neuron"] == neuron) & (table["dataset"] == dataset)]
        if part.empty:  # not measured yet
            ax.set_axis_off()
            continue
        local = part[part["rule"] == "local rule"].groupby("batches")["corrected_cosine"].agg(["min", "mean", "max"])
        ax.fill_between(local.index, local["min"], local["max"], color=GREY, alpha=0.2, linewidth=0)
        ax.plot(local.index, local["mean"], ":", color=GREY, label="local rule (mean, range)")
        for name, (colour, line) in zip(names, styles, strict=False):
            curve = part[(part["goodness"] == name) & (part["rule"] == "hebbian")]
            ax.plot(curve["batches"], curve["corrected_cosine"], f"o{line}", ms=3, color=colour, lw=1.2, label=name)
        ax.axhline(0, color=GREY, linewidth=0.5)
        ax.set_xscale("symlog", linthresh=10, linscale=0.5)
        ax.set_xticks(sorted(set(table["batches"])), [str(count) for count in sorted(set(table["batches"]))])
        ax.minorticks_off()
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_title(f"{titles.get(neuron, neuron)}, {dataset}", fontsize=9)
        if column == 0:
            ax.set_ylabel("cosine with the gradient", fontsize=9)
        if row == len(neurons) - 1:
            ax.set_xlabel("training batches", fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8, title="goodness")
    return figure


def neuron_cosines(compared: Mapping[str, Comparison], ax: Axes | None = None) -> Axes:
    r"""Plot the cosine of each neuron's change of weights with the gradient, for one rule or several.

    Parameters
    ----------
    compared : mapping of str to Comparison
        Changes by name, such as one layer of `compare_layers`.
    ax : Axes, optional

    Returns
    -------
    Axes
        Dots are neurons, sorted within a rule; those without a cosine (`Comparison.neuron_cosine`) have no dot and are
        counted below. Black: the cosine over all weights with its 95 % interval; grey: that of permuted inputs.

    Raises
    ------
    ConfigurationError
        If there is nothing to plot.

    Examples
    --------
    >>> ax = neuron_cosines({"hebbian": compare(np.eye(3), np.eye(3))})
    >>> ax.get_ylabel(), [text.get_text() for text in ax.get_xticklabels()]
    ('cosine with the gradient', ['hebbian\n3 neurons'])
    """
    require(len(compared) > 0, "there are no comparisons to plot")
    ax = new_axes(ax, (1.2 + 1.5 * len(compared), 3.2))
    names = []
    for place, ((name, one), colour) in enumerate(zip(compared.items(), cycle(COLOURS), strict=False)):
        cosines = np.sort(one.neuron_cosine[np.isfinite(one.neuron_cosine)])
        across = place + np.linspace(-0.3, 0.3, len(cosines)) * (len(cosines) > 1)
        ax.plot(across, cosines, "o", ms=3, mew=0, color=colour, alpha=0.7)
        reach = np.nan_to_num(np.abs(np.array(one.interval) - one.cosine))[:, np.newaxis]
        whole = ax.errorbar([place + 0.4], [one.cosine], reach, fmt="s", color="black", ms=4, capsize=3)
        null = ax.plot([place - 0.4, place + 0.4], [one.permuted] * 2, "--", color=GREY, lw=1)
        without = len(one.neuron_cosine) - len(cosines)
        names.append(f"{name}\n{len(cosines)} neurons" + (f"\n{without} without one" if without else ""))
    ax.axhline(0, color=GREY, lw=0.5)
    ax.set_xticks(range(len(names)), names)
    ax.set(ylabel="cosine with the gradient", xlim=(-0.6, len(names) - 0.4))
    ax.set_ylim(top=1.03)
    legend_above(ax, handles=[whole, *null], labels=["all weights, 95 %", "permuted inputs"])
    return ax


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


FIGURES = {"cosine": ("equivalence", plot_cosines), "rate-limit": ("rate-limit", plot_rate_limit)}
"""Figures of the study: name to table and function that draws it."""
