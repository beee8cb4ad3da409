"""Why a network can tell which of two images came first: the same neuron, the same images, both orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.rasters import presentation_traces
from brianff.analysis.style import GREY, legend_above, new_figure, si_unit, time_unit
from brianff.protocols.activity import with_frozen_memristors

if TYPE_CHECKING:
    from brianff.protocols.trainer import Trainer

__all__ = ["both_orders"]


def both_orders(trainer: Trainer) -> np.ndarray:
    """Plot what one neuron does when two images come in one order and in the other.

    Of the first pairs of the held-out ones, and of the neurons, it shows those whose spikes differ most.

    Parameters
    ----------
    trainer : Trainer
        Of a protocol with two frames.

    Returns
    -------
    ndarray of Axes, shape (3, 2)
        Voltage, with the level of a spike, memristors' states and current; one column for each order. Dashed: the
        voltage of the same neuron with the same weights, had its memristors stayed at rest.
    """
    pairs = trainer.held_out.first(40)
    images, labels = pairs.intensities(slice(None)), pairs.labels
    with trainer.simulator.evaluation():  # the label of the first is shown in both orders
        shown = np.repeat(labels[::2], 2)
        raster = trainer.simulator.present(images, shown, spikes=True).raster
    assert raster is not None
    counts = raster.sum(axis=0).reshape(-1, 2, raster.shape[2])
    pair, neuron = np.unravel_index(np.argmax(counts[:, 1] - counts[:, 0]), counts[:, 0].shape)
    rows = slice(2 * int(pair), 2 * int(pair) + 2)
    recording = trainer.simulator.record(images[rows], shown[rows], [int(neuron)])
    at_rest = None
    if frozen := with_frozen_memristors(trainer.simulator.network):
        still = trainer.simulator.measuring(network=frozen)
        at_rest = still.record(images[rows], shown[rows], [int(neuron)], variables=["v"])
    axes = new_figure((8, 4.5)).subplots(3, 2, sharex=True, sharey="row")
    for column, digits in enumerate((labels[rows], labels[rows][::-1])):
        presentation_traces(recording, column, axes[:, column])
        if at_rest:
            times, voltage = time_unit(at_rest.times[-1])[0] * at_rest.times, at_rest.traces["v"][column, :, 0]
            factor, _ = si_unit(recording.traces["v"][column], "V")
            axes[0, column].plot(times, factor * voltage, "--", color=GREY, lw=1, label="memristors frozen")
            legend_above(axes[0, column])
        axes[0, column].set_title(f"{digits[0]}, then {digits[1]} (label {shown[rows][0]})", fontsize=9, pad=20)
    return axes
