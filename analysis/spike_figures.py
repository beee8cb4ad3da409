"""Figures of the statistics of spikes (`brianff.analysis.spikes`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.spikes import caution, interspike_intervals, selectivity, tuning_curves
from brianff.analysis.style import BLUE, GREY, colours_of, legend_above, new_axes, require, time_unit
from brianff.responses import Recording

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = [
    "fano_factors",
    "interval_histogram",
    "latency_against_goodness",
    "pair_matrix",
    "population_rate",
    "selectivity_of_neurons",
    "tuning",
]


def population_rate(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the rate of spikes over a presentation, a line for each layer and group.

    Parameters
    ----------
    table : pandas.DataFrame
        From `brianff.analysis.spikes.psth`, with one column that tells groups apart.
    ax : Axes, optional

    Returns
    -------
    Axes
        Rates are those of one neuron; colours are groups, line styles layers.

    Raises
    ------
    ConfigurationError
        If the table is empty.

    Examples
    --------
    >>> from brianff.analysis.spikes import psth
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> population_rate(psth(recording)).get_ylabel()
    'rate of a neuron (Hz)'
    """
    require(len(table) > 0, "the table is empty: no presentation was recorded")
    group = next((str(name) for name in table.columns[1:] if name != "time"), "layer")
    layers = sorted(table["layer"].unique())
    ax = new_axes(ax, (4.5, 2.8))
    times = np.unique(table["time"])
    factor, unit = time_unit(times[-1])
    half = times[0]
    edges = factor * np.append(times - half, times[-1] + half)
    values = list(dict.fromkeys(table[group]))
    scale, rate_unit = (1e-3, "kHz") if table["rate"].max() >= 1e4 else (1.0, "Hz")
    for layer, style in zip(layers, ("-", "--", ":", "-.") * len(layers), strict=False):
        for value, colour in colours_of(values).items():
            own = table[(table["layer"] == layer) & (table[group] == value)]
            name = ", ".join(filter(None, (str(value), f"layer {layer}" if len(layers) > 1 else "")))
            ax.stairs(scale * own["rate"], edges, baseline=None, color=colour, ls=style, lw=1.3, label=name)
    ax.set(xlabel=f"time ({unit})", ylabel=f"rate of a neuron ({rate_unit})", xlim=(edges[0], edges[-1]))
    ax.set_ylim(bottom=0)
    legend_above(ax, 2)
    return ax


def interval_histogram(
    recording: Recording, layer: int | None = None, neurons: Sequence[int] | None = None, ax: Axes | None = None
) -> Axes:
    """Plot the distribution of the intervals between successive spikes of a neuron within a presentation.

    Returns
    -------
    Axes
        Its title tells the number of intervals and their coefficient of variation, and below it stands what the spikes
        cannot tell (`brianff.analysis.spikes.caution`). Without intervals the axes are empty.

    Examples
    --------
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> interval_histogram(recording).get_xlabel()
    'interval (ms)'
    """
    layer = recording.layer if layer is None else layer
    intervals = interspike_intervals(recording, layer, neurons)["interval"].to_numpy()
    ax = new_axes(ax)
    factor, unit = time_unit(recording.duration)
    if len(intervals):
        # Bins of one time step, around its multiples, or of several.
        step = recording.times[0] if len(recording.times) else recording.duration / 200
        width = step * max(1, round(np.ptp(intervals) / step / 40))
        edges = np.arange(intervals.min() - step / 2, intervals.max() + width, width)
        ax.stairs(np.histogram(intervals, edges)[0], factor * edges, color=BLUE, fill=True)
        title = f"{len(intervals)} intervals, CV {intervals.std() / intervals.mean():.2f}"
    else:
        title = ""
        ax.set(xlim=(0, factor * recording.duration), yticks=[0], ylim=(0, 1))
    note = caution(recording, layer)
    ax.set_title("\n".join(filter(None, (title, _wrapped(note)))), fontsize=9)
    ax.set(xlabel=f"interval ({unit})", ylabel="intervals")
    return ax


def fano_factors(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the Fano factor of each neuron's spike counts against the share of presentations in which it spikes.

    Parameters
    ----------
    table : pandas.DataFrame
        From `brianff.analysis.spikes.spike_statistics`.
    ax : Axes, optional

    Returns
    -------
    Axes
        Lines: a Poisson process (1), and at most one spike in a presentation (1 - share).

    Raises
    ------
    ConfigurationError
        If there are no neurons.

    Examples
    --------
    >>> from brianff.analysis.spikes import spike_statistics
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> fano_factors(spike_statistics(recording)).get_ylabel()
    'Fano factor'
    """
    require(len(table) > 0, "the table is empty: there are no neurons to plot")
    ax = new_axes(ax)
    ax.plot([0, 1], [1, 1], ":", color=GREY, lw=1, label="Poisson")
    ax.plot([0, 1], [1, 0], "--", color=GREY, lw=1, label="one spike at most")
    ax.plot(table["active"], table["fano"], "o", color=BLUE, ms=3, alpha=0.6, mew=0, label="neurons")
    ax.set(xlabel="share of presentations with a spike", ylabel="Fano factor", xlim=(-0.02, 1.02))
    ax.set_ylim(0, max(1.1, 1.1 * np.nanmax([1.0, table["fano"].max()])))
    ax.set_title(_wrapped(table.attrs.get("caution", "")), fontsize=9)
    ax.legend(frameon=False, fontsize=8)
    return ax


def latency_against_goodness(
    latencies: np.ndarray,
    goodness: np.ndarray,
    ax: Axes | None = None,
    unit: str = "",
    polarity: Sequence | None = None,
) -> Axes:
    """Plot when the first spikes come against the goodness.

    Parameters
    ----------
    latencies : ndarray, shape (presentations,) or (presentations, neurons)
        Seconds, from `brianff.analysis.spikes.first_spike_latency`; nan, without a spike, is left out.
    goodness : ndarray of the same shape
        Of a presentation with the mean or the least latency of its neurons, or of each neuron (`goodness_terms`).
    ax : Axes, optional
    unit : str
        Of the goodness.
    polarity : sequence of str, shape (presentations,), optional
        Colours the points.

    Returns
    -------
    Axes
        Its title tells Spearman's correlation; nan for fewer than three spikes.

    Examples
    --------
    >>> latency_against_goodness(np.array([1e-6, 2e-6, 3e-6, np.nan]), np.array([3.0, 2.0, 1.0, 0.0])).get_title()
    'Spearman -1.00 (n = 3; 1 without a spike)'
    """
    from scipy.stats import spearmanr

    latencies, goodness = np.asarray(latencies, float), np.asarray(goodness, float)
    require(
        latencies.shape == goodness.shape,
        f"latencies have the shape {latencies.shape}, goodness has {goodness.shape}; both need the same",
    )
    kinds = np.full(len(latencies), "") if polarity is None else np.asarray(polarity)
    kinds = np.broadcast_to(kinds.reshape(-1, *[1] * (latencies.ndim - 1)), latencies.shape)
    known = np.isfinite(latencies)
    factor, time = time_unit(np.max(latencies[known], initial=0.0))
    ax = new_axes(ax)
    for kind, colour in colours_of(sorted(set(kinds.ravel()), reverse=True)).items():
        own = known & (kinds == kind)
        ax.scatter(factor * latencies[own], goodness[own], 6, color=colour, alpha=0.5, linewidths=0, label=kind or None)
    pairs = int(known.sum())
    varied = pairs > 2 and np.ptp(latencies[known]) > 0 and np.ptp(goodness[known]) > 0
    rank = spearmanr(latencies[known], goodness[known]).statistic if varied else np.nan
    ax.set_title(f"Spearman {rank:.2f} (n = {pairs}; {known.size - pairs} without a spike)", fontsize=9)
    ax.set(xlabel=f"first spike ({time})", ylabel=f"goodness ({unit})" if unit else "goodness")
    if polarity is not None:
        ax.legend(frameon=False, fontsize=8)
    return ax


def tuning(responses: np.ndarray, labels: np.ndarray, ax: Axes | None = None, quantity: str = "mean spikes") -> Axes:
    """Draw the mean response of each neuron to each label, the neurons sorted by preference.

    Parameters
    ----------
    responses, labels
        As in `brianff.analysis.spikes.tuning_curves`, whose word of caution about shown labels holds here.
    ax : Axes, optional
    quantity : str
        For the colour bar, with its unit.

    Returns
    -------
    Axes
        Silent neurons come last.

    Raises
    ------
    ConfigurationError
        If there are no presentations or no neurons.

    Examples
    --------
    >>> tuning(np.array([[0, 2], [1, 4], [3, 0]]), np.array([7, 7, 1])).get_ylabel()
    'neuron, by preferred label'
    """
    curves, table = tuning_curves(responses, labels), selectivity(responses, labels)
    require(curves.size > 0, "there are no responses to draw")
    order = np.lexsort((-table["index"], table["preferred"], table["preferred"] == -1))
    ax = new_axes(ax, (3.6, 3.4))
    image = ax.imshow(curves.to_numpy()[order], aspect="auto", cmap="cividis", interpolation="nearest", vmin=0)
    ax.set_xticks(range(curves.shape[1]), curves.columns)
    ax.set(xlabel="label", ylabel="neuron, by preferred label")
    ax.figure.colorbar(image, ax=ax, label=quantity)
    return ax


def selectivity_of_neurons(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the selectivity of each neuron, in groups by preferred label; the bar is the median.

    Parameters
    ----------
    table : pandas.DataFrame
        From `brianff.analysis.spikes.selectivity`.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its title tells how many neurons are silent: they have no place.

    Raises
    ------
    ConfigurationError
        If the table is empty.

    Examples
    --------
    >>> table = selectivity(np.array([[0, 2, 0], [1, 4, 0], [3, 0, 0]]), np.array([7, 7, 1]))
    >>> selectivity_of_neurons(table).get_title()
    '2 neurons, 1 silent'
    """
    require(len(table) > 0, "the table is empty: there are no neurons to plot")
    active = table[table["preferred"] != -1]
    labels = sorted(active["preferred"].unique())
    ax = new_axes(ax)
    for label, colour in colours_of(labels).items():
        own = np.sort(active.loc[active["preferred"] == label, "index"])
        across = label + np.linspace(-0.32, 0.32, len(own)) * (len(own) > 1)
        ax.plot(across, own, "o", ms=3, mew=0, color=colour)
        ax.plot([label - 0.4, label + 0.4], [np.median(own)] * 2, color="black", lw=1)
    ax.set_xticks(labels)
    ax.set(xlabel="preferred label", ylabel="selectivity index", ylim=(-0.03, 1.03))
    ax.set_title(f"{len(active)} neurons, {len(table) - len(active)} silent", fontsize=9)
    return ax


def pair_matrix(values: np.ndarray, quantity: str, ax: Axes | None = None, of: str = "neuron") -> Axes:
    """Draw a matrix of correlations or distances.

    Parameters
    ----------
    values : ndarray, shape (n, n)
        From `brianff.analysis.spikes`: `pairwise_correlation`, `van_rossum_distance`, `victor_purpura_distance`; nan
        stays grey.
    quantity : str
        For the colour bar: "correlation" has colours symmetric about 0 and a grey diagonal, which is 1 by definition;
        others begin at 0.
    ax : Axes, optional
    of : str
        What rows and columns are.

    Raises
    ------
    ConfigurationError
        If the matrix is empty, or not square.

    Examples
    --------
    >>> pair_matrix(np.array([[1.0, 0.2], [0.2, 1.0]]), "correlation").images[0].get_clim()
    (-0.2, 0.2)
    """
    from matplotlib.ticker import MaxNLocator

    values = np.array(values, float)
    square = values.ndim == 2 and values.shape[0] == values.shape[1] and values.size > 0
    require(square, f"the matrix has the shape {values.shape}; needs as many rows as columns")
    signed = "correlation" in quantity
    if signed:
        np.fill_diagonal(values, np.nan)
    largest = np.nanmax(np.abs(values), initial=0.0) if np.isfinite(values).any() else 0.0
    ax = new_axes(ax, (3.8, 3.2))
    colours, high = "PuOr_r" if signed else "cividis", largest or 1.0
    image = ax.imshow(values, cmap=colours, interpolation="nearest", vmin=-high if signed else 0.0, vmax=high)
    ax.set_facecolor("0.8")
    ax.figure.colorbar(image, ax=ax, label=quantity)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set(xlabel=of, ylabel=of)
    return ax


def _wrapped(text: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, 52))
