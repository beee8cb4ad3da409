"""How one block of a batch runs through all layers.

A batch is cut into blocks of presentations that run side by side, each through all layers before the next. A block
fills rows of its own in the results, so that blocks can run in any order and in any process. The cut decides the last
bit of the results (vectorised loops round their remainders differently): it depends on the batch and the network alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from brianff.engines.lane_group import LaneGroup, Spikes
from brianff.engines.population import Population
from brianff.inputs import average_after

__all__ = ["BlockRunner", "Observe", "Plan"]

Arrays = Mapping[str, np.ndarray]
Observe = Callable[[int, slice, int, Callable[[str], np.ndarray]], None]


@dataclass(frozen=True)
class Plan:
    """How a batch runs.

    Parameters
    ----------
    presentations, steps : int
    lanes : int
        Presentations of each block but the last.
    layers : int
        Layers that run.
    separable : bool
        Whether the first layer is given a drive with a common time course, or spikes.
    spikes : bool
        Whether the spikes of all layers are wanted.
    """

    presentations: int
    steps: int
    lanes: int
    layers: int
    separable: bool
    spikes: bool

    @property
    def blocks(self) -> range:
        """Numbers of the blocks."""
        return range(-(-self.presentations // self.lanes))

    def rows(self, block: int) -> slice:
        """Return the presentations of a block."""
        return slice(block * self.lanes, min((block + 1) * self.lanes, self.presentations))

    def results(self, neurons: Sequence[int]) -> dict[str, tuple[tuple[int, ...], type]]:
        """Return name, shape and type of the arrays of results, for layers of so many neurons."""
        arrays: dict[str, tuple[tuple[int, ...], type]] = {}
        for layer in range(self.layers):
            shape = self.presentations, neurons[layer]
            arrays[f"goodness_terms {layer}"] = arrays[f"postsynaptic {layer}"] = shape, float
            if layer < self.layers - 1:
                arrays[f"averages {layer}"] = shape, float
            if self.spikes:
                arrays[f"raster {layer}"] = (self.steps, *shape), bool
        return arrays


class BlockRunner:
    """Runs blocks of batches in this process.

    Parameters
    ----------
    populations : sequence of Population
    lanes : int
        Most presentations side by side.
    """

    def __init__(self, populations: Sequence[Population], lanes: int):
        self._populations, self._lanes = populations, lanes
        self._groups: dict[tuple[int, bool, bool], LaneGroup] = {}

    def run(self, plan: Plan, block: int, given: Arrays, results: Arrays, observe: Observe | None = None) -> None:
        """Run one block.

        Parameters
        ----------
        plan : Plan
        block : int
        given : mapping of str to ndarray
            "image drive" (images, neurons), "label drive" (classes, neurons), "image" and "label" (presentations,); or
            "raster" (steps, presentations, inputs); "weights N" (inputs, neurons) of each layer that spikes enter.
        results : mapping of str to ndarray
            The arrays named by `plan.results`.
        observe : callable, optional
            As in `LanesEngine.present`.
        """
        rows = plan.rows(block)
        lanes = rows.stop - rows.start
        spikes: list[Spikes] = []
        for layer in range(plan.layers):
            separable = plan.separable and layer == 0
            group = self._group(layer, separable, plan.spikes or layer < plan.layers - 1)
            emitted: list[Spikes] = []
            after_step = self._after_step(plan, layer, rows, group, emitted, results, observe)
            with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported by Population.check
                if separable:
                    group.present_drive(lanes, partial(_fill_drive, given, rows), after_step)
                else:
                    steps: Iterable[Spikes] = spikes if layer else _spikes(given["raster"][:, rows])
                    group.present_spikes(lanes, steps, given[f"weights {layer}"], after_step)
            results[f"goodness_terms {layer}"][rows] = group.read("goodness")
            results[f"postsynaptic {layer}"][rows] = group.read("postsynaptic")
            spikes = emitted

    def _after_step(self, plan, layer, rows, group, emitted, results, observe) -> Callable[[int], None]:
        """Return what is done after each step: keep spikes, add them up for the next layer, call the observer."""
        raster = results[f"raster {layer}"][:, rows] if plan.spikes else None
        if raster is not None:
            raster[:] = False
        passed_on = layer < plan.layers - 1
        if passed_on:
            averages = results[f"averages {layer}"][rows]
            averages[:] = 0.0
            average = average_after(self._populations[layer + 1].pulse_response)

        def after_step(step: int) -> None:
            if passed_on or raster is not None:
                spikes = group.spikes()
                if passed_on:
                    emitted.append(spikes)
                    averages[spikes] += average[step]
                if raster is not None:
                    raster[step][spikes] = True
            if observe is not None:
                observe(layer, rows, step, group.read)

        return after_step

    def _group(self, layer: int, separable: bool, spiking: bool) -> LaneGroup:
        key = layer, separable, spiking
        if key not in self._groups:
            self._groups[key] = LaneGroup(self._populations[layer], self._lanes, separable, spiking)
        return self._groups[key]


def _fill_drive(given: Arrays, rows: slice, drive: np.ndarray) -> None:
    """Write the drive of some presentations: that of the image and that of the label."""
    np.take(given["image drive"], given["image"][rows], axis=0, out=drive, mode="clip")  # other modes need a buffer
    drive += given["label drive"][given["label"][rows]]


def _spikes(raster: np.ndarray) -> Iterator[Spikes]:
    """Return the spikes of each step of a raster (steps, lanes, units)."""
    for step in raster:
        lane, unit = np.nonzero(step)
        yield lane, unit
