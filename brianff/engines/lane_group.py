"""One layer's lanes: a Brian2 group of lanes x neurons that is prepared once, and direct access to its state."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable

import brian2
import numpy as np
from scipy.sparse import csr_matrix

from brianff.engines.population import Population
from brianff.equations.composition import state_variables
from brianff.equations.synapse import SEPARABLE
from brianff.stepping import PreparedNetwork

__all__ = ["LaneGroup", "Spikes"]

Spikes = tuple[np.ndarray, np.ndarray]
"""Spikes of one step: the lane, in rising order, and the neuron of each."""

AfterStep = Callable[[int], None]


class LaneGroup:
    """Presentations of one layer side by side.

    Parameters
    ----------
    population : Population
    lanes : int
        Room for so many presentations; only those in use cost time.
    separable : bool
        Whether the input is a drive with a common time course, or spikes.
    spiking : bool
        Whether the neurons spike; without, they have no threshold.
    """

    def __init__(self, population: Population, lanes: int, separable: bool, spiking: bool):
        self.population, self.separable = population, separable
        equations = population.equations(
            SEPARABLE if separable else population.synapse.equations,
            "time_course : 1 (shared)" if separable else "time_course = 1 : 1",
        )
        clock = brian2.Clock(population.network.time_step, name="lanes_clock")
        self._group = population.group(lanes * population.layer.neurons, equations, spiking, "lanes", clock)
        self._network = PreparedNetwork(self._group)
        if not separable and population.synapse.update:
            self._network.add(self._group.run_regularly(population.synapse.update, when="start"))
        self._network.prepare()
        self._use = self._network.restrict(self._group)
        gc.collect()
        gc.freeze()  # Brian2's many objects would slow every later garbage collection
        self._start = {name: population.start(name) for name in state_variables(equations)}
        if "not_refractory" in self._group.variables:
            self._start["not_refractory"] = True
        self._current = float(population.layer.current)
        self._lanes = 0

    def read(self, name: str) -> np.ndarray:
        """Return a variable, or the current "I", of the lanes in use, shape (lanes, neurons); no copy of variables."""
        if name == "I" and self.separable:
            return self._current * self._variable("time_course")[0] * self.read("drive")
        return self._variable(name).reshape(-1, self.population.layer.neurons)[: self._lanes]

    def spikes(self) -> Spikes:
        """Return the spikes of the step just made."""
        neurons = self.population.layer.neurons
        space = self._variable("_spikespace")
        return np.divmod(space[: space[self._lanes * neurons]], neurons)

    def present_drive(self, lanes: int, fill: Callable[[np.ndarray], None], after_step: AfterStep) -> None:
        """Present a drive, which `fill` writes to an array (lanes, neurons), with the time course of the pulses."""
        self._begin(lanes)
        fill(self.read("drive"))
        shared = self._variable("time_course")
        for step, value in enumerate(self.population.pulse_train_response):
            shared[0] = value
            self._network.step()
            after_step(step)
        self._end()

    def present_spikes(self, lanes: int, steps: Iterable[Spikes], weights: np.ndarray, after_step: AfterStep) -> None:
        """Present the spikes of each step, which arrive at its end, through `weights` (inputs, neurons)."""
        self._begin(lanes)
        a = self.read("a")
        for step, (lane, unit) in enumerate(steps):
            self._network.step()
            after_step(step)
            if len(lane):
                starts = np.searchsorted(lane, np.arange(lanes + 1))
                events = csr_matrix((np.full(len(lane), self._current), unit, starts), (lanes, len(weights)))
                a += events @ weights
        self._end()

    def _variable(self, name: str) -> np.ndarray:
        return self._group.variables[name].get_value()

    def _begin(self, lanes: int) -> None:
        if lanes != self._lanes:
            self._use(lanes * self.population.layer.neurons)
        self._lanes = lanes
        self._network.rewind()
        for name, value in self._start.items():
            self.read(name)[:] = value

    def _end(self) -> None:
        self.population.check(self.read("v"))
