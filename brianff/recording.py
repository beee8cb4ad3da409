"""Recording spikes and time courses of a few presentations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brianff.engines.lanes.engine import LanesEngine
from brianff.errors import ConfigurationError
from brianff.responses import Recording

if TYPE_CHECKING:
    import pandas

    from brianff.simulator import Simulator

__all__ = ["record", "spike_table"]


def record(
    simulator: Simulator,
    images: np.ndarray,
    labels: np.ndarray,
    neurons: np.ndarray,
    layer: int,
    polarity: Sequence[str] | None = None,
) -> Recording:
    """Present images with labels and record; see `Simulator.record`.

    Raises
    ------
    ConfigurationError
        If a neuron is not in the layer, or there is not one label, or polarity, per image.
    """
    size = simulator.network.layers[layer].neurons
    if neurons.size and not 0 <= neurons.min() <= neurons.max() < size:
        raise ConfigurationError(f"neurons must lie between 0 and {size - 1}, the size of layer {layer}")
    if np.ndim(labels) != 1:
        raise ConfigurationError("record takes one label for each image")
    if polarity is not None and len(polarity) != len(images):
        raise ConfigurationError(f"there are {len(polarity)} polarities for {len(images)} presentations")

    # A small engine of its own: recording needs the spikes, and training should not pay for them.
    engine = LanesEngine(
        simulator.network,
        simulator.goodness,
        lanes=max(len(images), 1),
        seed=simulator.streams.seed,
        precision=simulator.precision,
    )
    names = ("I", *engine.populations[layer].neuron.traces)
    steps = simulator.network.encoding.steps
    traces = {name: np.empty((len(images), steps, len(neurons))) for name in names}

    def observe(number, presentations, step, read):
        if number == layer:
            for name in names:
                traces[name][presentations, step] = read(name)[:, neurons]

    with simulator.evaluation(membranes=True):
        inputs, weights = simulator.inputs(images, labels), simulator.read_weights(layer + 1)
        membranes = [one.carried(len(inputs)) for one in simulator.layers[: layer + 1]]
        results = engine.present(inputs, weights, spikes=True, observe=observe, membranes=membranes)
    time_step = float(simulator.network.time_step)
    rasters = [result.raster for result in results if result.raster is not None]
    table = spike_table(rasters, time_step, np.asarray(labels), polarity)
    return Recording(np.arange(1, steps + 1) * time_step, table, traces, neurons, layer)


def spike_table(
    rasters: Sequence[np.ndarray], time_step: float, labels: np.ndarray, polarity: Sequence[str] | None = None
) -> pandas.DataFrame:
    """Return the spikes of some layers as a tidy table.

    Parameters
    ----------
    rasters : sequence of ndarray of bool, shape (steps, presentations, neurons)
        One per layer.
    time_step : float
        Time step in seconds; a spike of step k has the time (k + 1) x time_step, the end of the step.
    labels : ndarray of int, shape (presentations,)
    polarity : sequence of str, optional
        "positive" or "negative" for each presentation.

    Returns
    -------
    pandas.DataFrame
        Columns time (s), neuron, layer, presentation, label, polarity, ordered by layer, presentation and time.
    """
    import pandas

    polarities = np.asarray([""] * len(labels) if polarity is None else polarity, dtype=object)
    tables = []
    for layer, raster in enumerate(rasters):
        presentation, step, neuron = np.nonzero(raster.transpose(1, 0, 2))
        columns = {
            "time": (step + 1) * time_step,
            "neuron": neuron,
            "layer": np.full(len(neuron), layer),
            "presentation": presentation,
            "label": labels[presentation],
            "polarity": polarities[presentation],
        }
        tables.append(pandas.DataFrame(columns))
    return pandas.concat(tables, ignore_index=True)
