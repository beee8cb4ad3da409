"""The fast engine: many presentations side by side as lanes of one Brian2 group, with shared weights.

Presentations are independent given the weights. A group of lanes x neurons is prepared once; every step is one call
of the generated code. Presynaptic events reach it by a sparse product with the one weight matrix, and input pulses
with a common time course by one dense product per batch.
"""

import gc
from collections.abc import Callable, Sequence
from functools import cached_property

import brian2
import numpy as np

from brianff.codegeneration import configure
from brianff.description import Network
from brianff.engines.expressions import evaluator
from brianff.engines.population import LayerResult, Population
from brianff.equations.composition import state_variables
from brianff.equations.synapse import SEPARABLE
from brianff.goodness import Goodness
from brianff.inputs import PulseInput, SpikeInput
from brianff.stepping import PreparedNetwork

__all__ = ["LanesEngine"]

NEURONS_SIDE_BY_SIDE = 16_384
"""Lanes x neurons aimed at: enough to hide the cost of a step's call, few enough for the processor's cache."""


class LanesEngine:
    """Runs the layers of a network one after the other, each over whole presentations.

    Parameters
    ----------
    network : Network
    goodness : Goodness
    lanes : int or None
        Largest number of presentations side by side; None: chosen for each layer by its size.
    """

    def __init__(self, network: Network, goodness: Goodness, lanes: int | None = None):
        configure()
        self.populations = [Population(network, layer, goodness) for layer in network.layers]
        self._lanes = lanes
        self._built: dict[tuple[int, bool, bool], list[_Lanes]] = {}

    def lanes(self, layer: int, presentations: int) -> int:
        """Return how many presentations run side by side in a layer: equal parts of all, none larger than allowed."""
        largest = self._lanes or max(1, NEURONS_SIDE_BY_SIDE // self.populations[layer].layer.neurons)
        parts = max(1, -(-presentations // largest))
        return max(1, -(-presentations // parts))

    def present(
        self,
        inputs: PulseInput | SpikeInput,
        weights: Sequence[np.ndarray],
        *,
        spikes: bool = False,
        observe: Callable | None = None,
        membranes: Sequence[np.ndarray | None] = (),
    ) -> list[LayerResult]:
        """Present a batch to the first `len(weights)` layers.

        Parameters
        ----------
        inputs : PulseInput or SpikeInput
        weights : sequence of ndarray
            Weights (inputs, neurons) of each layer to run.
        spikes : bool
            Return the spikes of the last layer too; those of the layers below are always returned.
        observe : callable, optional
            Called as ``observe(layer, presentations, step, read)`` after each step, where ``read(name)`` gives the
            variable `name` as an array (presentations, neurons). It may change the weights.
        membranes : sequence of ndarray, shape (presentations, neurons), or None
            Membrane voltages (volt) from which layers that carry them over start; they receive those at the end.
        """
        results: list[LayerResult] = []
        with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported by Population.check
            for number, matrix in enumerate(weights):
                spiking = spikes or number < len(weights) - 1
                membrane = membranes[number] if number < len(membranes) else None
                results.append(self._present_layer(number, inputs, matrix, spiking, observe, membrane))
                if results[-1].raster is not None:
                    inputs = SpikeInput(results[-1].raster)
        return results

    def _present_layer(self, number, inputs, matrix, spiking, observe, membrane) -> LayerResult:
        presentations, neurons = len(inputs), matrix.shape[1]
        lanes = self._lanes_of(number, isinstance(inputs, PulseInput), spiking, presentations)
        goodness_terms = np.empty((presentations, neurons))
        postsynaptic = np.empty((presentations, neurons))
        raster = np.zeros((inputs.steps, presentations, neurons), dtype=bool) if spiking else None
        present_rows = lanes.prepare_input(inputs, matrix)
        for start in range(0, presentations, lanes.count):
            rows = slice(start, min(start + lanes.count, presentations))
            watch = observe and (lambda step, read, rows=rows: observe(number, rows, step, read))
            lanes.begin(rows.stop - start, None if membrane is None else membrane[rows])
            present_rows(rows, None if raster is None else raster[:, rows], watch)
            if membrane is not None:
                membrane[rows] = lanes.read("v")
            goodness_terms[rows] = lanes.read("goodness")
            postsynaptic[rows] = lanes.read("postsynaptic")
        return LayerResult(goodness_terms, postsynaptic, raster)

    def _lanes_of(self, number: int, separable: bool, spiking: bool, presentations: int) -> "_Lanes":
        """Return lanes of the wanted number, or slightly more that were built before; unused lanes cost time."""
        count = self.lanes(number, presentations)
        built = self._built.setdefault((number, separable, spiking), [])
        for lanes in built:
            if count <= lanes.count <= 1.25 * count:
                return lanes
        built.append(_Lanes(self.populations[number], count, separable, spiking))
        return built[-1]


class _Lanes:
    """The Brian2 group of one layer's lanes, and direct access to its state."""

    def __init__(self, population: Population, count: int, separable: bool, spiking: bool):
        self._immediate = population.synapse.immediate
        separable = separable and not self._immediate
        self.population, self.count, self._separable = population, count, separable
        equations = population.equations(
            SEPARABLE if separable else population.synapse.equations,
            "time_course : 1 (shared)" if separable else "time_course = 1 : 1",
        )
        self._equations = equations
        clock = brian2.Clock(population.network.time_step, name="lanes_clock")
        self._group = population.group(count * population.layer.neurons, equations, spiking, "lanes", clock)
        self._network = PreparedNetwork(self._group)
        if not separable and population.synapse.update:
            self._network.add(self._group.run_regularly(population.synapse.update, when="start"))
        self._kick: np.ndarray | None = None
        if self._immediate or population.layer.winners is not None:
            self._network.add(brian2.NetworkOperation(self._before_threshold, clock=clock, when="after_groups"))
        self._network.prepare()
        gc.collect()
        gc.freeze()  # Brian2's many objects would slow every later garbage collection
        initial = {name: float(population.parameters[key]) for name, key in population.neuron.initial.items()}
        self._start = {name: initial.get(name, 0.0) for name in state_variables(equations)}
        self._presented = 0
        self._evaluators: dict[str, Callable] = {}

    @cached_property
    def _gain(self) -> float:
        """What an event of amplitude 1 through a weight of 1 adds, in SI units."""
        quantities = self.population.parameters | {"current": self.population.layer.current}
        return float(eval(self.population.synapse.gain, {}, quantities))

    def view(self, name: str) -> np.ndarray:
        """Return a state variable of all lanes, shape (lanes, neurons), without units and without a copy."""
        return self._group.variables[name].get_value().reshape(self.count, -1)

    def read(self, name: str) -> np.ndarray:
        """Return a state variable, or the current "I", of the lanes in use, shape (presentations, neurons)."""
        if name == "I" and self._separable:
            shape = float(self.population.layer.current) * self._group.variables["time_course"].get_value()[0]
            return shape * self.view("drive")[: self._presented]
        if isinstance(self._group.variables[name], brian2.core.variables.Subexpression):
            return self._evaluate(name)
        return self.view(name)[: self._presented]

    def _evaluate(self, name: str) -> np.ndarray:
        """Return a subexpression of the lanes in use."""
        if name not in self._evaluators:
            self._evaluators[name] = evaluator(self._equations, name, self.population.namespace)
        shape = self._presented, self.population.layer.neurons
        return np.broadcast_to(self._evaluators[name](self.read), shape)

    def prepare_input(self, inputs: PulseInput | SpikeInput, weights: np.ndarray) -> Callable:
        """Return the function that presents some rows of `inputs`: ``present(rows, raster, watch)``."""
        if isinstance(inputs, SpikeInput):
            return lambda rows, raster, watch: self._present_spikes(inputs.select(rows), weights, raster, watch)
        time_course = self.population.pulse_train_response
        image_drive, label_drive = inputs.image_part @ weights, inputs.codes @ weights

        def present(rows: slice, raster, watch) -> None:
            drive = image_drive[inputs.image[rows]] + label_drive[inputs.label[rows]]
            self._present_drive(drive, time_course, raster, watch)

        return present

    def begin(self, presentations: int, membrane: np.ndarray | None = None) -> None:
        """Put the state to its start, for so many presentations; `membrane`: voltages carried over, through a rest."""
        self._presented = presentations
        self._reset()
        if membrane is None:
            return
        voltage = self.view("v")
        voltage[:presentations] = membrane
        if self.population.rest_factor is not None:
            voltage *= self.population.rest_factor
        else:
            for _ in range(self.population.network.rest_steps):
                self._network.step()
            rested = voltage.copy()
            self._reset()
            voltage[:] = rested

    def _reset(self) -> None:
        self._kick = None
        self._network.rewind()
        for name, value in self._start.items():
            self.view(name)[:] = value
        if "not_refractory" in self._group.variables:
            self.view("not_refractory")[:] = True

    def _before_threshold(self) -> None:
        """Let events act that act at once, and hold the competition."""
        voltage, winners = self.view("v"), self.population.layer.winners
        if self._kick is not None:
            voltage[: self._presented] += self._kick
        if winners is not None:
            weakest = np.partition(voltage, -winners, axis=1)[:, -winners]
            self.view("winning_voltage")[:] = weakest[:, np.newaxis]

    def _present_drive(self, drive, time_course, raster, watch) -> None:
        if self._immediate:
            drive *= self._gain
            for step, value in enumerate(time_course):
                self._kick = value * drive if value else None
                self._step(step, raster, watch)
            self.population.check(self.read("v"))
            return
        self.view("drive")[: len(drive)] = drive
        shared = self._group.variables["time_course"].get_value()
        for step, value in enumerate(time_course):
            shared[0] = value
            self._step(step, raster, watch)
        self.population.check(self.read("v"))

    def _present_spikes(self, spikes, weights, raster, watch) -> None:
        presentations = len(spikes)
        target = None if self._immediate else self.view(self.population.synapse.target)
        for step in range(spikes.steps):
            if target is None:
                self._kick = spikes.at(step) @ weights
                self._kick *= self._gain
                self._step(step, raster, watch)
            else:
                self._step(step, raster, watch)
                target[:presentations] += self._gain * (spikes.at(step) @ weights)
        self.population.check(self.read("v"))

    def _step(self, step, raster, watch) -> None:
        self._network.step()
        if raster is not None:
            space = self._group.variables["_spikespace"].get_value()
            lane, neuron = np.divmod(space[: space[-1]], self.population.layer.neurons)
            used = lane < self._presented
            raster[step, lane[used], neuron[used]] = True
        if watch is not None:
            watch(step, self.read)
