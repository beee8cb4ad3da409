"""Frozen layers: what they answered is kept for the next time that the same image comes with the same label."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from brianff.description import EventEncoding, LatencyEncoding, PulseEncoding
from brianff.inputs import PulseInput, SparseSpikes, SpikeInput
from brianff.matching import FastPath
from brianff.protocols.configuration import Protocol
from brianff.protocols.negatives import AllCandidates, Hardest, WrongLabel
from brianff.protocols.samplers import BothPolarities, RandomPolarity
from brianff.responses import Responses
from brianff.simulator import Simulator

__all__ = ["KEPT_SPIKES", "FrozenLayers", "KeptSpikes", "needs_of_frozen_layers"]

KEPT_SPIKES = FastPath(
    "kept spikes",
    {
        "engine": {"lanes"},
        "layers below": lambda layers: layers > 0,
        "encoding": {PulseEncoding, LatencyEncoding, EventEncoding},
        "sampler": {BothPolarities, RandomPolarity},
        "negatives": {WrongLabel, Hardest, AllCandidates},
    },
)
"""The same image and label give the same spikes each time, and they are all that the layer above is given."""


def needs_of_frozen_layers(protocol: Protocol, simulator: Simulator, layer: int) -> dict[str, Any]:
    """Return what presenting to the frozen layers below `layer` needs."""
    network = protocol.network
    return {
        "engine": simulator.engine,
        "layers below": layer,
        "distorted images": protocol.data.distorts,
        "sequences": protocol.data.made_task.sequences,
        "images without labels": not protocol.learning.made_negatives.labelled,
        "drawn encoding": not network.encoding.repeatable or bool(network.encoding.noise),
        "encoding": type(network.encoding),
        "sampler": type(protocol.learning.made_sampler),
        "negatives": type(protocol.learning.made_negatives),
        "carried membranes": simulator.carries,
        "counted spikes": simulator.goodness.counts_spikes,
        "voltages handed on": any(above.synapse.analog for above in network.layers[1 : layer + 1]),
        "read noise": any(below.crossbar.noisy for below in simulator.layers[:layer]),
    }


class KeptSpikes:
    """Spikes of presentations, numbered from 0, of so many steps and units, as long as there is room.

    The bytes of `memory` are used as spikes arrive.
    """

    def __init__(self, presentations: int, steps: int, units: int, memory: int):
        self.steps, self.units = steps, units
        self._first = np.full(presentations, -1, dtype=np.int64)
        self._count = np.zeros(presentations, dtype=np.int32)
        kind = np.uint16 if steps * units <= np.iinfo(np.uint16).max + 1 else np.uint32
        room = max(memory - self._first.nbytes - self._count.nbytes, 0)
        self._indices = np.empty(room // np.dtype(kind).itemsize, dtype=kind)
        self._used = 0

    def missing(self, presentations: np.ndarray) -> np.ndarray:
        """Tell of each presentation whether its spikes are not kept."""
        return self._first[presentations] < 0

    def keep(self, presentations: np.ndarray, raster: np.ndarray) -> None:
        """Keep spikes, shape (steps, presentations, units), of the first presentations for which there is room."""
        which, indices = _indices(raster)
        counts = np.bincount(which, minlength=len(presentations))
        ends = np.cumsum(counts)
        fitting = int(np.searchsorted(ends, len(self._indices) - self._used, side="right"))
        new, used = presentations[:fitting], int(ends[fitting - 1]) if fitting else 0
        self._first[new] = self._used + ends[:fitting] - counts[:fitting]
        self._count[new] = counts[:fitting]
        self._indices[self._used : self._used + used] = indices[:used]
        self._used += used

    def get(self, presentations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the spikes of presentations that are kept: which of them each belongs to, and its index in it.

        An index is ``step x units + unit``; those of a presentation rise.
        """
        counts = self._count[presentations]
        before = np.cumsum(counts) - counts
        entry = np.arange(counts.sum()) + np.repeat(self._first[presentations] - before, counts)
        return np.repeat(np.arange(len(presentations)), counts), self._indices[entry]


class FrozenLayers:
    """Presents to the `layer` that learns, and simulates those below, which are frozen, only for what is not kept.

    There are so many training `images`, and so many bytes of `memory` for spikes.
    """

    def __init__(self, simulator: Simulator, layer: int, images: int, memory: int):
        network = simulator.network
        self._simulator, self._layer = simulator, layer
        units = network.layers[layer - 1].neurons
        self._kept = KeptSpikes(images * network.classes, network.encoding.steps, units, memory)
        self._goodness = np.zeros(images * network.classes, simulator.dtype)

    def present(
        self, inputs: PulseInput | SpikeInput, indices: np.ndarray, labels: np.ndarray
    ) -> tuple[Responses, np.ndarray]:
        """Return the layer's responses, and the goodness of the layers below, shape (presentations,).

        Parameters
        ----------
        inputs : PulseInput or SpikeInput
            Input of the first layer.
        indices, labels : ndarray of int, shape (presentations,)
            Index of each presentation's image among the training images, and its label.
        """
        presentations = indices * self._simulator.network.classes + labels
        missing = self._kept.missing(presentations)
        new, old = np.flatnonzero(missing), np.flatnonzero(~missing)
        which, where = self._kept.get(presentations[old])
        which = old[which]
        if len(new):
            below = self._simulator.present_inputs(inputs.select(new), self._layer, spikes=True, goodness_only=True)
            self._simulator.presentations -= len(new)  # they count once, when the layer itself is presented
            raster = below[-1].raster
            assert raster is not None
            self._kept.keep(presentations[new], raster)
            self._goodness[presentations[new]] = np.sum([response.goodness for response in below], axis=0)
            new_which, new_where = _indices(raster)
            which, where = np.append(which, new[new_which]), np.append(where, new_where)
        responses = self._simulator.present_spikes(self._spikes(which, where, len(presentations)), self._layer)
        return responses, self._goodness[presentations]

    def _spikes(self, which: np.ndarray, where: np.ndarray, presentations: int) -> SparseSpikes:
        step, unit = np.divmod(where.astype(np.int64), self._kept.units)
        shape = self._kept.steps * presentations, self._kept.units
        matrix = csr_matrix((np.ones(len(unit)), (step * presentations + which, unit)), shape)
        return SparseSpikes(matrix, self._kept.steps, self._simulator.workers)


def _indices(raster: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes (steps, presentations, units) as `KeptSpikes.get` does."""
    steps, _, units = raster.shape
    flat = np.flatnonzero(raster.transpose(1, 0, 2))
    return np.divmod(flat, steps * units) if steps * units else (flat, flat)
