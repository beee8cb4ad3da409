"""How one block of a batch runs through all layers.

A batch is cut into blocks of presentations that run side by side, each through all layers before the next. A block
fills rows of its own in the results, so that blocks can run in any order and in any process. The cut decides the last
bit of the results (vectorised loops round their remainders differently): it depends on the batch and the network alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from brianff.engines.lanes.drive import Drive
from brianff.engines.lanes.fused import FUSED
from brianff.engines.lanes.group import LaneGroup, Spikes
from brianff.engines.population import Population
from brianff.equations.tangent import event_names
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
    layers : range
        Numbers of the layers that run.
    pulses : bool
        Whether the first of them is given a drive with a common time course, or spikes.
    spikes : bool
        Whether the spikes of all of them are wanted.
    carried : mapping of int to int
        Layers whose states are carried over, and how many numbers each presentation has of them.
    goodness_only : bool
        Whether to leave out what only plasticity needs.
    dtype : type
        Type of the results.
    events : int
        Events of the first layer of which each has a postsynaptic factor.
    """

    presentations: int
    steps: int
    lanes: int
    layers: range
    pulses: bool
    spikes: bool
    carried: Mapping[int, int] = field(default_factory=dict)
    goodness_only: bool = False
    dtype: type[np.floating] = np.float64
    events: int = 1

    @property
    def blocks(self) -> range:
        """Numbers of the blocks."""
        return range(-(-self.presentations // self.lanes))

    def rows(self, block: int) -> slice:
        """Return the presentations of a block."""
        return slice(block * self.lanes, min((block + 1) * self.lanes, self.presentations))

    def needs(self, layer: int, observed: bool = False) -> dict[str, bool]:
        """Return what a layer's presentations need, for a `matching.FastPath`."""
        return {
            "spikes as input": not self.pulses or layer != self.layers[0],
            "spikes": bool(self.spikes or layer != self.layers[-1]),
            "carried membranes": layer in self.carried,
            "observers": observed,
        }

    def results(self, neurons: Sequence[int]) -> dict[str, tuple[tuple[int, ...], type]]:
        """Return name, shape and type of the arrays of results, for layers of so many neurons."""
        arrays: dict[str, tuple[tuple[int, ...], type]] = {}
        for layer, size in zip(self.layers, neurons, strict=True):
            shape = self.presentations, size
            arrays[f"goodness_terms {layer}"] = shape, self.dtype
            factor = (self.presentations, 0) if self.goodness_only else shape
            several = self.events > 1 and layer == self.layers[0]
            arrays[f"postsynaptic {layer}"] = (self.events, *factor) if several else factor, self.dtype
            if layer != self.layers[-1]:
                arrays[f"averages {layer}"] = shape, self.dtype
            if self.spikes:
                arrays[f"raster {layer}"] = (self.steps, *shape), bool
            if layer in self.carried:
                arrays[f"membrane {layer}"] = (self.presentations, self.carried[layer]), self.dtype
        return arrays


class BlockRunner:
    """Runs blocks of batches in this process, at most so many `lanes`, presentations side by side."""

    def __init__(self, populations: Sequence[Population], lanes: int):
        self._populations, self._lanes = populations, lanes
        self._groups: dict[tuple[int, ...], LaneGroup] = {}

    def runs_fused(self, plan: Plan) -> bool:
        """Tell whether each presentation of a plan is one call of generated code, which threads can make side by side.

        What these calls need is made here: Brian2 objects are not made on several threads.
        """
        return all(self._fused(plan, layer, False) for layer in plan.layers)

    def _fused(self, plan: Plan, layer: int, observed: bool) -> bool:
        if FUSED.refused(plan.needs(layer, observed)):
            return False
        return self._group(layer, True, False, plan.goodness_only).runs_fused

    def run(self, plan: Plan, block: int, given: Arrays, results: Arrays, observe: Observe | None = None) -> None:
        """Run one block.

        Parameters
        ----------
        plan : Plan
        block : int
        given : mapping of str to ndarray
            "image drive" (images, neurons), "label drive" (classes, neurons), "image" and "label" (presentations,) or
            (presentations, events), "onsets" (presentations, events) where they differ; or
            "event starts" and "event units", the spikes of each presentation at each step as rows of a sparse matrix
            (steps x presentations, inputs); "weights N" (inputs, neurons) of each layer that spikes enter; "membrane N"
            (presentations, neurons) of each layer that carries them over.
        results : mapping of str to ndarray
            The arrays named by `plan.results`.
        observe : callable, optional
            As in `LanesEngine.present`.
        """
        rows = plan.rows(block)
        below: _Spikes | _Voltages | None = None
        for layer in plan.layers:
            pulses = plan.pulses and layer == plan.layers[0]
            spiking = plan.spikes or layer != plan.layers[-1]
            group = self._group(layer, pulses, spiking, plan.goodness_only)
            membrane = given.get(f"membrane {layer}")
            measured = {"goodness": results[f"goodness_terms {layer}"][rows]}
            if not plan.goodness_only:
                factors = results[f"postsynaptic {layer}"]
                factors = factors.reshape(-1, *factors.shape[-2:])
                measured |= zip(event_names("postsynaptic", len(factors)), factors[:, rows], strict=True)
            handed_on = None
            with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported by Population.check
                if self._fused(plan, layer, observe is not None):
                    group.present_fused(_drive(given, rows), measured)
                else:
                    group.begin(rows.stop - rows.start, None if membrane is None else membrane[rows])
                    handed_on = self._handed_on(plan, layer, rows, group, results)
                    after_step = self._after_step(plan, layer, rows, group, handed_on, results, observe)
                    if pulses:
                        group.present_drive(_drive(given, rows), after_step)
                    elif below is None:
                        group.present_spikes(_given_spikes(plan, given, rows), given[f"weights {layer}"], after_step)
                    else:
                        below.present(group, given[f"weights {layer}"], after_step)
                    for name, array in measured.items():
                        array[:] = group.read(name)
            if membrane is not None:
                results[f"membrane {layer}"][rows] = group.carried()
            below = handed_on

    def _handed_on(self, plan: Plan, layer: int, rows: slice, group: LaneGroup, results: Arrays):
        """Return what collects a layer's output for the layer above; None for the last."""
        if layer == plan.layers[-1]:
            return None
        above, averages = self._populations[layer + 1], results[f"averages {layer}"][rows]
        averages[:] = 0.0
        kind = _Voltages if above.synapse.analog else _Spikes
        return kind(plan.steps, group, above, averages)

    def _after_step(self, plan, layer, rows, group, handed_on, results, observe) -> Callable[[int], None]:
        """Return what is done after each step: hand on, keep spikes, call the observer."""
        raster = results[f"raster {layer}"][:, rows] if plan.spikes else None
        if raster is not None:
            raster[:] = False

        def after_step(step: int) -> None:
            if handed_on is not None:
                handed_on.collect(step)
            if raster is not None:
                lane, neuron = group.spikes()
                raster[step, lane, neuron] = True
            if observe is not None:
                observe(layer, rows, step, group.read)

        return after_step

    def _group(self, layer: int, *kind: bool) -> LaneGroup:
        key = (layer, *kind)
        if key not in self._groups:
            self._groups[key] = LaneGroup(self._populations[layer], self._lanes, *kind)
        return self._groups[key]


class _Spikes:
    """Hands spikes on, which act through the currents of the layer above."""

    def __init__(self, steps: int, group: LaneGroup, above: Population, averages: np.ndarray):
        self._group, self._averages = group, averages
        self._average = average_after(above.current.pulse_response)
        self._steps: list[Spikes] = []

    def collect(self, step: int) -> None:
        """Take what the step just made leaves, and add it to the averages of the presynaptic factor."""
        lane, neuron = self._group.spikes()
        self._steps.append((np.searchsorted(lane, np.arange(len(self._averages) + 1)), neuron))
        self._averages[lane, neuron] += self._average[step]

    def present(self, group: LaneGroup, weights: np.ndarray, after_step: Callable[[int], None]) -> None:
        """Present all that was collected to the layer above."""
        group.present_spikes(self._steps, weights, after_step)


class _Voltages:
    """Hands membrane voltages on: those of the step before, divided by their root mean square over the layer."""

    def __init__(self, steps: int, group: LaneGroup, above: Population, averages: np.ndarray):
        self._group, self._averages = group, averages
        self._voltages = np.empty((steps, *averages.shape), averages.dtype)
        self.collect(-1)

    def collect(self, step: int) -> None:
        if step + 1 == len(self._voltages):
            return
        millivolt = 1e3 * self._group.read("v")
        normalised = self._voltages[step + 1]
        mean_square = np.einsum("ln,ln->l", millivolt, millivolt) / millivolt.shape[1]
        np.multiply(millivolt, np.sqrt(1 / (mean_square + 1e-12))[:, np.newaxis], out=normalised)
        self._averages += normalised / len(self._voltages)

    def present(self, group: LaneGroup, weights: np.ndarray, after_step: Callable[[int], None]) -> None:
        group.present_voltages(self._voltages, weights, after_step)


def _given_spikes(plan: Plan, given: Arrays, rows: slice) -> Iterator[Spikes]:
    """Yield the spikes that some presentations are given at each step."""
    starts, units = given["event starts"], given["event units"]
    for step in range(plan.steps):
        first = step * plan.presentations
        part = starts[first + rows.start : first + rows.stop + 1]
        yield part - part[0], units[part[0] : part[-1]]


def _drive(given: Arrays, rows: slice) -> Drive:
    """Return the drive of some presentations."""
    onsets = given["onsets"][rows] if "onsets" in given else None
    return Drive(given["image drive"], given["label drive"], given["image"][rows], given["label"][rows], onsets)
