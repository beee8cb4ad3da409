"""Figures of single presentations: spikes and time courses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import BLUE, COLOURS, ORANGE, new_axes, require

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from brianff.responses import Recording

__all__ = ["presentation_traces", "spike_raster"]

_POLARITY_COLOURS = {"positive": BLUE, "negative": ORANGE}


def _time_unit(span: float) -> tuple[float, str]:
    """Return the factor and symbol of the unit that suits a time span given in seconds."""
    return (1e6, "µs") if span < 1e-3 else (1e3, "ms")


def spike_raster(
    spikes: pandas.DataFrame,
    ax: Axes | None = None,
    neurons: Sequence[int] | None = None,
    layer: int | None = None,
    presentation: int | None = None,
    window: tuple[float, float] | None = None,
) -> Axes:
    """Plot spikes: time against neuron, coloured by polarity.

    Parameters
    ----------
    spikes : pandas.DataFrame
        Columns time (s), neuron, layer, presentation, label, polarity.
    ax : Axes, optional
    neurons : sequence of int, optional
        Only these neurons.
    layer, presentation : int, optional
        Only this layer, this presentation.
    window : tuple of float, optional
        Only spikes from start to stop, in seconds.
    """
    missing = {"time", "neuron", "layer", "presentation", "label", "polarity"} - set(spikes.columns)
    require(not missing, f"the table of spikes lacks the columns {', '.join(sorted(missing))}")
    chosen = spikes
    if neurons is not None:
        chosen = chosen[chosen["neuron"].isin(list(neurons))]
    for column, value in (("layer", layer), ("presentation", presentation)):
        if value is not None:
            chosen = chosen[chosen[column] == value]
    if window is not None:
        chosen = chosen[chosen["time"].between(*window)]

    ax = new_axes(ax, (5.0, 3.2))
    factor, unit = _time_unit(window[1] if window else spikes["time"].max() if len(spikes) else 1e-3)
    for polarity, group in chosen.groupby("polarity", sort=False):
        labels = ", ".join(str(label) for label in sorted(set(group["label"])))
        name = f"{polarity!s} (label {labels})" if polarity else None
        colour = _POLARITY_COLOURS.get(str(polarity), "black")
        # The two polarities share times: set them apart by a fraction of a neuron, so that none hides the other.
        offset = {"positive": 0.2, "negative": -0.2}.get(str(polarity), 0.0)
        ax.scatter(factor * group["time"], group["neuron"] + offset, 4, colour, marker="o", linewidths=0, label=name)
    ax.set(xlabel=f"time ({unit})", ylabel="neuron")
    start, stop = window or (0.0, spikes["time"].max() if len(spikes) else 1e-3)
    ax.set_xlim(factor * start, factor * stop * 1.02)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), markerscale=2)
    return ax


_PANELS = (("v", 1e3, "membrane\nvoltage (mV)"), (None, 1.0, "memristor\nstate"), ("I", 1e6, "alpha\ncurrent (µA)"))


def presentation_traces(recording: Recording, presentation: int = 0, axes: np.ndarray | None = None) -> np.ndarray:
    """Plot membrane voltage, state variables and alpha current of the recorded neurons through one presentation.

    Parameters
    ----------
    recording : Recording
    presentation : int
        Number of the presentation in the recording.
    axes : array of three Axes, optional

    Returns
    -------
    ndarray of Axes
        Voltage; the other recorded states (x1 and x2 of a memristive neuron); current.
    """
    presentations = len(recording.traces["v"])
    require(
        0 <= presentation < presentations,
        f"presentation {presentation} is not in the recording, which has {presentations}",
    )
    if axes is None:
        from matplotlib.figure import Figure

        axes = Figure(figsize=(4.5, 4.5), layout="constrained").subplots(3, 1, sharex=True)
    axes = np.asarray(axes)
    require(axes.shape == (3,), f"axes have the shape {axes.shape}; needs three")
    factor, unit = _time_unit(recording.times[-1])
    states = [name for name in recording.traces if name not in ("v", "I")]
    for ax, (variable, scale, label) in zip(axes, _PANELS, strict=True):
        for place, neuron in enumerate(recording.neurons):
            colour = COLOURS[place % len(COLOURS)]
            for name, style in zip([variable] if variable else states, ("-", "--", ":"), strict=False):
                trace = scale * recording.traces[name][presentation, :, place]
                ax.plot(factor * recording.times, trace, style, color=colour, label=f"neuron {neuron}")
        ax.set_ylabel(label)
        ax.spines[["top", "right"]].set_visible(False)
    if states:
        from matplotlib.lines import Line2D

        styles = [
            Line2D([], [], color="black", ls=style, label=name)
            for name, style in zip(states, ("-", "--", ":"), strict=False)
        ]
        axes[1].legend(handles=styles, frameon=False, fontsize=8, loc="best")
    axes[0].legend(frameon=False, fontsize=8, loc="upper right")
    axes[-1].set_xlabel(f"time ({unit})")
    return axes
