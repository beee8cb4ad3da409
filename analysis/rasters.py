"""Figures of single presentations: spikes and time courses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.analysis.spikes import selectivity
from brianff.analysis.style import (
    COLOURS,
    GREY,
    colours_of,
    legend_above,
    letters,
    new_axes,
    new_figure,
    require,
    si_unit,
    time_unit,
)
from brianff.responses import Recording

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["contrast_traces", "different_neurons", "phase_portrait", "presentation_traces", "spike_raster"]

_TICKS = 12
"""Most presentations whose names stand at the axis of a raster."""

_SHADED = 300
"""Most bands of a raster that are shaded one by one."""


def spike_raster(
    spikes: pandas.DataFrame | Recording,
    ax: Axes | None = None,
    neurons: Sequence[int] | None = None,
    layer: int | None = None,
    presentation: int | Sequence[int] | None = None,
    window: tuple[float, float] | None = None,
    colour: str = "polarity",
    sort: str | None = None,
) -> Axes:
    """Plot spikes: a row for each neuron, the neurons of each presentation and layer in a band of their own.

    Bands are stacked from the bottom up; nothing is drawn over each other. One neuron in many presentations makes the
    usual raster of trials. The time of a presentation is shaded. A spike is where the membrane crosses the threshold,
    at the end of its time step.

    Parameters
    ----------
    spikes : Recording, or pandas.DataFrame
        Columns as `Recording.from_spikes` takes them. A recording also knows silent neurons and
        presentations, and how long a presentation lasts.
    ax : Axes, optional
    neurons : sequence of int, optional
        Only these neurons, in each layer.
    layer : int, optional
        Only this layer.
    presentation : int or sequence of int, optional
        Only this presentation, or these, in their order.
    window : tuple of float, optional
        Only spikes from start to stop, in seconds.
    colour : str
        Column of the spikes that colours them: "polarity", "label", "layer", ...
    sort : str, optional
        Column of the presentations, such as "label": neurons are sorted by the value to which they respond most, in all
        presentations given, and then by how selective they are; silent ones come last.

    Returns
    -------
    Axes
        Without spikes the bands are empty.

    Raises
    ------
    ConfigurationError
        If there is no such column.

    Examples
    --------
    >>> recording = Recording.from_spikes({"time": [1e-3, 3e-3, 2e-3], "neuron": [0, 0, 1]}, duration=4e-3)
    >>> spike_raster(recording).get_xlabel()
    'time (ms)'
    """
    recording = spikes if isinstance(spikes, Recording) else Recording.from_spikes(spikes)
    about, table = recording.presentations, recording.spikes
    assert about is not None
    for name, columns in ((colour, table), (sort, about)):
        known = ", ".join(map(str, columns))
        require(name is None or name in columns, f"the spikes have no column {name!r}; there are {known}")
    shown = range(len(about)) if presentation is None else np.atleast_1d(presentation)
    layers = range(len(recording.sizes)) if layer is None else [layer]
    orders = {number: _order(recording, number, neurons, sort) for number in layers}

    rows = sum(map(len, orders.values()))
    gap = max(1, rows // 15) if rows > 1 else 0  # one neuron: trials below each other
    bands = [(one, number, len(order)) for one in shown for number, order in orders.items()]
    starts = np.cumsum([0, *(length + gap for *_, length in bands)])
    total = max(int(starts[-1]) - gap, 1)
    chosen = table[table["presentation"].isin(list(shown)) & table["layer"].isin(list(layers))]
    if window is not None:
        chosen = chosen[chosen["time"].between(*window)]
    first_row = np.zeros((len(about), len(recording.sizes)), dtype=int)
    rank = np.full((len(recording.sizes), max(recording.sizes, default=0)), -1)
    for (one, number, _), start in zip(bands, starts, strict=False):
        first_row[one, number] = start
    for number, order in orders.items():
        rank[number, order] = np.arange(len(order))
    chosen = chosen[rank[chosen["layer"], chosen["neuron"]] >= 0]
    row = first_row[chosen["presentation"], chosen["layer"]] + rank[chosen["layer"], chosen["neuron"]]

    ax = new_axes(ax, (5.0, float(np.clip(1.5 + total / 60, 3.2, 6.0))))
    factor, unit = time_unit(recording.duration)
    half = max(0.45, total / 450)  # thousands of rows: marks that can still be seen
    values = sorted(chosen[colour].unique(), key=str, reverse=colour == "polarity")
    for value, paint in colours_of(values).items():
        own = (chosen[colour] == value).to_numpy()
        times, label = factor * chosen["time"][own], str(value) if colour == "polarity" else f"{colour} {value}"
        ax.vlines(times, row[own] - half, row[own] + half, color=paint, lw=2.5, label=label or "_unknown")
    first, last = window or (0.0, recording.duration)
    centres = [
        (start + (length - 1) / 2, one, number) for start, (one, number, length) in zip(starts, bands, strict=False)
    ]
    if gap and len(bands) <= _SHADED:
        places, heights = [centre for centre, *_ in centres], [length for *_, length in bands]
        ax.barh(places, factor * recording.duration, heights, color="0.94", lw=0, zorder=0)
    else:
        ax.axvspan(0, factor * recording.duration, color="0.94", lw=0, zorder=0)
    margin = 0.0 if window else 0.02 * last
    ax.set_xlim(factor * (first - margin), factor * (last + margin))
    ax.set_ylim(-1, total)
    ax.set(xlabel=f"time ({unit})")
    _name_rows(ax, centres, about, list(orders.values()), sort)
    legend_above(ax, 5)
    return ax


def _order(recording: Recording, layer: int, neurons: Sequence[int] | None, sort: str | None) -> np.ndarray:
    """Return the neurons of a layer from the lowest row up."""
    chosen = np.arange(recording.sizes[layer])
    if neurons is not None:
        chosen = np.array([neuron for neuron in neurons if neuron in chosen], dtype=int)
    if sort is None or recording.presentations is None:
        return chosen
    table = selectivity(recording.spike_counts(layer), recording.presentations[sort].to_numpy()).loc[chosen]
    silent = table["preferred"] == -1
    return chosen[np.lexsort((-table["index"], table["preferred"], silent))]


def _name_rows(ax: Axes, centres: list, about: pandas.DataFrame, orders: list[np.ndarray], sort: str | None) -> None:
    """Name the neurons of a single band, or the bands."""
    how = f", by preferred {sort}".replace("_", " ") if sort else ""
    if len(centres) < 2:
        ax.set_ylabel("neuron" + how)
        if orders and len(orders[0]) <= _TICKS:
            ax.set_yticks(np.arange(len(orders[0])), orders[0])
        elif sort or (orders and (np.diff(orders[0]) != 1).any()):
            ax.set_yticks([])
        return
    layers = len({number for _, _, number in centres}) > 1
    several = len({one for _, one, _ in centres}) > 1
    named = []
    for centre, one, number in centres:
        name = [f"label {about['label'].iloc[one]:.0f}"] if several and about["label"].notna().iloc[one] else []
        named.append((centre, "\n".join(name + [f"layer {number}"] * layers)))
    if len(named) > _TICKS:  # one name for all neighbours that share it, in their middle
        runs = [(name, [centre for centre, _ in run]) for name, run in groupby(named, key=itemgetter(1))]
        named = [((run[0] + run[-1]) / 2, name) for name, run in runs]
    named = named[:: -(-len(named) // _TICKS)]
    ax.set_yticks([centre for centre, _ in named], [name for _, name in named], fontsize=8)
    single = all(len(order) == 1 for order in orders)
    ax.set_ylabel(f"presentation (neuron {orders[0][0]})" if single and several and not layers else "neurons" + how)


def _spike_places(recording: Recording, presentation: int, place: int) -> np.ndarray:
    """Return where in the traces a neuron spikes: at the first recorded time that is not before the spike."""
    spikes, neuron = recording.spikes, recording.neurons[place]
    own = (spikes["presentation"] == presentation) & (spikes["neuron"] == neuron) & (spikes["layer"] == recording.layer)
    at = np.searchsorted(recording.times, spikes.loc[own, "time"].to_numpy() * (1 - 1e-9))
    return at[at < len(recording.times)]


def _traced(recording: Recording, neurons: Sequence[int] | np.ndarray | None) -> list[tuple[str, int, int]]:
    """Return colour, number and place in the traces of some recorded neurons."""
    recorded = [int(neuron) for neuron in recording.neurons]
    chosen = recorded if neurons is None else [int(neuron) for neuron in neurons]
    missing = sorted(set(chosen) - set(recorded))
    require(not missing, f"no traces of neuron {missing[:1]} were recorded; of {len(recorded)} neurons there are")
    return [(COLOURS[n % len(COLOURS)], neuron, recorded.index(neuron)) for n, neuron in enumerate(chosen)]


_NAMES = {
    "v": "membrane voltage",
    "I": "synaptic current",
    "x1": "memristor state x1",
    "x2": "memristor state x2",
}
_MEMRISTORS = {"x1", "x2"}


def _named(recording: Recording, variable: str, presentations: Sequence[int]) -> tuple[float, str]:
    """Return the factor of a recorded variable to the unit that suits it, and its name with the unit."""
    values = np.array([recording.traces[variable][presentation] for presentation in presentations])
    factor, unit = si_unit(values, recording.unit(variable))
    return factor, _NAMES.get(variable, variable) + (f" ({unit})" if unit else "")


def presentation_traces(
    recording: Recording,
    presentation: int = 0,
    axes: np.ndarray | None = None,
    neurons: Sequence[int] | np.ndarray | None = None,
) -> np.ndarray:
    """Plot membrane voltage, state variables and synaptic current of the recorded neurons through one presentation.

    Parameters
    ----------
    recording : Recording
    presentation : int
        Number of the presentation in the recording.
    axes : array of Axes, optional
        One for each panel.
    neurons : sequence of int, optional
        Of those whose traces were recorded; default: all of them.

    Returns
    -------
    ndarray of Axes
        As far as they were recorded: voltage, with the threshold (dotted) and triangles at spikes; the other states (x1
        and x2 of a memristive neuron); current.

    Raises
    ------
    ConfigurationError
        If nothing was traced, or not that presentation or neuron.

    Examples
    --------
    >>> from dataclasses import replace
    >>> traces = {"v": np.zeros((1, 4, 2)), "x1": np.zeros((1, 4, 2)), "I": np.zeros((1, 4, 2))}
    >>> spikes = Recording.from_spikes({"time": [2e-6], "neuron": [1]}, sizes=[5], duration=4e-6)
    >>> recording = replace(spikes, times=1e-6 * np.arange(1, 5), traces=traces, neurons=np.array([1, 3]))
    >>> presentation_traces(recording).shape
    (3,)
    """
    rows = len(_panels(recording))
    if axes is not None:
        drawn = np.asarray(axes).reshape(-1, 1)
    else:
        drawn = new_figure((4.5, 1.5 * rows)).subplots(rows, 1, sharex=True, squeeze=False)
        letters(drawn, offset=-44)
    _draw_traces(recording, [presentation], drawn, neurons)
    return drawn[:, 0]


def contrast_traces(
    recording: Recording,
    presentations: Sequence[int] = (0, 1),
    axes: Any = None,
    neurons: Sequence[int] | np.ndarray | None = None,
) -> np.ndarray:
    """Plot `presentation_traces` of some presentations side by side, such as an image with its label and a wrong one.

    Parameters
    ----------
    recording : Recording
    presentations : sequence of int
    axes : array of Axes, shape (panels, presentations), optional
    neurons : sequence of int, optional
        Of those whose traces were recorded, such as `different_neurons`; default: all of them.

    Returns
    -------
    ndarray of Axes, shape (panels, presentations)
        Each column has the polarity and the label of its presentation as its title.

    Raises
    ------
    ConfigurationError
        If nothing was traced, or not those presentations or neurons.

    Examples
    --------
    >>> from dataclasses import replace
    >>> traces = {"v": np.zeros((1, 4, 2)), "x1": np.zeros((1, 4, 2)), "I": np.zeros((1, 4, 2))}
    >>> spikes = Recording.from_spikes({"time": [2e-6], "neuron": [1]}, sizes=[5], duration=4e-6)
    >>> recording = replace(spikes, times=1e-6 * np.arange(1, 5), traces=traces, neurons=np.array([1, 3]))
    >>> contrast_traces(recording, [0]).shape
    (3, 1)
    """
    rows, columns, new = len(_panels(recording)), len(presentations), axes is None
    require(columns > 0, "presentations is empty: name at least one")
    if new:
        size = 0.6 + 3.2 * columns, 1.5 * rows
        axes = new_figure(size).subplots(rows, columns, sharex=True, sharey="row", squeeze=False)
    _draw_traces(recording, presentations, axes, neurons)
    for column, presentation in zip(axes.T, presentations, strict=True):
        if recording.presentations is not None:
            row = recording.presentations.iloc[presentation]
            title = ", ".join(filter(None, (row["polarity"], f"label {row['label']}")))
            column[0].set_title(title, fontsize=9, pad=20)  # the legend is below it
    if new and columns > 1:
        letters(axes[0])
    return axes


def _states(recording: Recording) -> list[str]:
    """Return the recorded variables beside voltage and current."""
    return [name for name in recording.traces if name not in ("v", "I")]


def _panels(recording: Recording) -> list[list[str]]:
    """Return the recorded variables of each panel."""
    wanted = [[name for name in names if name in recording.traces] for names in (["v"], _states(recording), ["I"])]
    panels = [names for names in wanted if names]
    require(len(panels) > 0, "the recording has no traces: record it with the neurons to trace")
    return panels


def _draw_traces(
    recording: Recording, presentations: Sequence[int], axes: np.ndarray, neurons: Sequence[int] | np.ndarray | None
) -> None:
    """Draw a column of panels for each presentation; legends and names stand at the first."""
    panels, places = _panels(recording), _traced(recording, neurons)
    count = len(next(iter(recording.traces.values())))
    for presentation in presentations:
        require(0 <= presentation < count, f"presentation {presentation} is not in the recording, which has {count}")
    shape = len(panels), len(presentations)
    require(axes.shape == shape, f"axes have the shape {axes.shape}; needs {shape}: a row for each of {panels}")
    factor, unit = time_unit(recording.times[-1])
    for row, names in zip(axes, panels, strict=True):
        styles = list(zip(names, ("-", "--", ":", "-.") * len(names), strict=False))
        named = {name: _named(recording, name, presentations) for name in names}
        for ax, presentation in zip(row, presentations, strict=True):
            for colour, neuron, place in places:
                for name, style in styles:
                    trace = named[name][0] * recording.traces[name][presentation, :, place]
                    ax.plot(factor * recording.times, trace, style, color=colour, label=f"neuron {neuron}")
            if names == ["v"]:
                _mark_spikes(ax, recording, presentation, places, named["v"][0])
            ax.spines[["top", "right"]].set_visible(False)
        memristive = set(names) <= _MEMRISTORS
        whole = "memristor state" if memristive else "states" if len(names) > 1 else named[names[0]][1]
        row[0].set_ylabel(whole.replace(" ", "\n", 1) if len(whole) > 12 else whole)
        if memristive or len(names) > 1:
            _legend_of_states(row[0], [(name if memristive else named[name][1], style) for name, style in styles])
    of_states = axes[0, 0].get_legend()
    legend_above(axes[0, 0], handlelength=1.2, columnspacing=1.2)
    if of_states:  # without a voltage: beside the neurons' legend, which took its place
        axes[0, 0].add_artist(of_states)
    for ax in axes[-1]:
        ax.set_xlabel(f"time ({unit})")


def _legend_of_states(ax: Axes, styles: list[tuple[str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color="black", ls=style, label=name) for name, style in styles]
    legend_above(ax, len(styles), handles=handles, loc="lower right", bbox_to_anchor=(1.0, 0.9))


def _mark_spikes(
    ax: Axes, recording: Recording, presentation: int, places: list[tuple[str, int, int]], scale: float
) -> None:
    """Mark the spikes and the threshold of a membrane voltage."""
    factor, _ = time_unit(recording.times[-1])
    for colour, _, place in places:
        at = _spike_places(recording, presentation, place)
        voltage = scale * recording.traces["v"][presentation, :, place][at]
        ax.plot(factor * recording.times[at], voltage, "v", ms=5, color=colour)
    if recording.threshold is not None:
        threshold = scale * recording.threshold
        ax.axhline(threshold, color=GREY, lw=0.8, ls=":", label="_threshold")
        above: dict[str, Any] = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points"}
        ax.annotate("threshold", (1, threshold), (0, 2), ha="right", fontsize=7, color=GREY, **above)


def different_neurons(responses: np.ndarray, number: int = 3) -> np.ndarray:
    """Return neurons that respond clearly differently to the presentations, for figures of their time courses.

    The first is the one that responds most; each further one lies farthest from those chosen before.

    Parameters
    ----------
    responses : ndarray, shape (presentations, neurons)
        Such as `Recording.spike_counts` or `Responses.goodness_terms`.
    number : int

    Returns
    -------
    ndarray of int
        At most so many, in the order of their choice; empty without neurons.

    Examples
    --------
    >>> different_neurons(np.array([[9, 9, 0, 8], [0, 0, 7, 0]]), 2)
    array([0, 2])
    """
    profiles = np.asarray(responses, float).T
    if not len(profiles):
        return np.array([], dtype=int)
    chosen = [int(profiles.sum(axis=1).argmax())]
    while len(chosen) < min(number, len(profiles)):
        distance = np.linalg.norm(profiles[:, np.newaxis] - profiles[chosen], axis=2).min(axis=1)
        distance[chosen] = -1
        chosen.append(int(distance.argmax()))
    return np.array(chosen)


def phase_portrait(
    recording: Recording,
    presentation: int = 0,
    x: str = "v",
    y: str | None = None,
    ax: Axes | None = None,
    neurons: Sequence[int] | np.ndarray | None = None,
) -> Axes:
    """Plot one recorded variable of each neuron against another, such as a memristor's state against the voltage.

    Parameters
    ----------
    recording : Recording
    presentation : int
    x, y : str
        Recorded variables; default of `y`: the first that is neither voltage nor current.
    ax : Axes, optional
    neurons : sequence of int, optional
        Of those whose traces were recorded; default: all of them.

    Returns
    -------
    Axes
        Open circles are where the neurons start, triangles where they spike; the threshold is dotted.

    Raises
    ------
    ConfigurationError
        If nothing was traced, or not those variables, that presentation or those neurons.

    Examples
    --------
    >>> from dataclasses import replace
    >>> traces = {"v": np.zeros((1, 4, 2)), "x1": np.zeros((1, 4, 2)), "I": np.zeros((1, 4, 2))}
    >>> spikes = Recording.from_spikes({"time": [2e-6], "neuron": [1]}, sizes=[5], duration=4e-6)
    >>> recording = replace(spikes, times=1e-6 * np.arange(1, 5), traces=traces, neurons=np.array([1, 3]))
    >>> phase_portrait(recording).get_ylabel()
    'memristor state x1'
    """
    _panels(recording)  # there are some
    y = next(iter(_states(recording)), "I") if y is None else y
    for name in (x, y):
        require(name in recording.traces, f"{name!r} was not recorded; there are {', '.join(recording.traces)}")
    count = len(recording.traces[x])
    require(0 <= presentation < count, f"presentation {presentation} is not in the recording, which has {count}")
    ax = new_axes(ax, (3.6, 3.0))
    (scale_x, name_x), (scale_y, name_y) = (_named(recording, name, [presentation]) for name in (x, y))
    for colour, neuron, place in _traced(recording, neurons):
        across = scale_x * recording.traces[x][presentation, :, place]
        up = scale_y * recording.traces[y][presentation, :, place]
        ax.plot(across, up, "-", color=colour, lw=1.2, label=f"neuron {neuron}")
        ax.plot(across[:1], up[:1], "o", color=colour, mfc="white", ms=5)
        at = _spike_places(recording, presentation, place)
        ax.plot(across[at], up[at], "v", color=colour, ms=5)
    if x == "v" and recording.threshold is not None:
        ax.axvline(scale_x * recording.threshold, color=GREY, lw=0.8, ls=":")
    ax.set(xlabel=name_x, ylabel=name_y)
    legend_above(ax)
    return ax
