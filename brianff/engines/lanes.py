"""The fast engine: many presentations side by side as lanes of one Brian2 group, with shared weights.

Presentations are independent given the weights. A group of lanes x neurons is prepared once; every step is one call
of the generated code. Presynaptic events reach it by a sparse product with the one weight matrix, and input pulses
with a common time course by one dense product per batch.
"""

import gc
from collections.abc import Callable, Sequence

import brian2
import numpy as np
from scipy.sparse import csr_matrix

from brianff.codegeneration import configure
from brianff.description import Network
from brianff.engines.population import LayerResult, Population, populations
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
    seed : int
        Seed of what differs from neuron to neuron.
    energy : bool
        Integrate the neurons' energies too, for observers.
    """

    def __init__(
        self, network: Network, goodness: Goodness, lanes: int | None = None, seed: int = 0, energy: bool = False
    ):
        configure()
        self.populations = populations(network, goodness, seed, energy)
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
            variable `name` as an array (presentations, neurons).
        """
        results: list[LayerResult] = []
        with np.errstate(over="ignore", invalid="ignore"):  # divergence is reported by Population.check
            for number, matrix in enumerate(weights):
                spiking = spikes or number < len(weights) - 1
                results.append(self._present_layer(number, inputs, matrix, spiking, observe))
                if results[-1].raster is not None:
                    inputs = SpikeInput(results[-1].raster)
        return results

    def _present_layer(self, number, inputs, matrix, spiking, observe) -> LayerResult:
        presentations, neurons = len(inputs), matrix.shape[1]
        lanes = self._lanes_of(number, isinstance(inputs, PulseInput), spiking, presentations)
        goodness_terms = np.empty((presentations, neurons))
        postsynaptic = np.empty((presentations, neurons))
        raster = np.zeros((inputs.steps, presentations, neurons), dtype=bool) if spiking else None
        present_rows = lanes.prepare_input(inputs, matrix)
        for start in range(0, presentations, lanes.count):
            rows = slice(start, min(start + lanes.count, presentations))
            watch = observe and (lambda step, read, rows=rows: observe(number, rows, step, read))
            present_rows(rows, None if raster is None else raster[:, rows], watch)
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
        self.population, self.count, self._separable = population, count, separable
        equations = population.equations(
            SEPARABLE if separable else population.synapse.equations,
            "time_course : 1 (shared)" if separable else "time_course = 1 : 1",
        )
        clock = brian2.Clock(population.network.time_step, name="lanes_clock")
        self._group = population.group(count * population.layer.neurons, equations, spiking, "lanes", clock)
        self._network = PreparedNetwork(self._group)
        if not separable and population.synapse.update:
            self._network.add(self._group.run_regularly(population.synapse.update, when="start"))
        self._network.prepare()
        gc.collect()
        gc.freeze()  # Brian2's many objects would slow every later garbage collection
        self._start = {name: population.start(name) for name in state_variables(equations)}
        self._presented = 0

    def view(self, name: str) -> np.ndarray:
        """Return a state variable of all lanes, shape (lanes, neurons), without units and without a copy."""
        return self._group.variables[name].get_value().reshape(self.count, -1)

    def read(self, name: str) -> np.ndarray:
        """Return a state variable, or the current "I", of the lanes in use, shape (presentations, neurons)."""
        if name == "I" and self._separable:
            shape = float(self.population.layer.current) * self._group.variables["time_course"].get_value()[0]
            return shape * self.view("drive")[: self._presented]
        return self.view(name)[: self._presented]

    def prepare_input(self, inputs: PulseInput | SpikeInput, weights: np.ndarray) -> Callable:
        """Return the function that presents some rows of `inputs`: ``present(rows, raster, watch)``."""
        if isinstance(inputs, SpikeInput):
            return lambda rows, raster, watch: self._present_spikes(inputs.raster[:, rows], weights, raster, watch)
        time_course = self.population.pulse_train_response
        image_drive, label_drive = inputs.image_part @ weights, inputs.codes @ weights

        def present(rows: slice, raster, watch) -> None:
            drive = image_drive[inputs.image[rows]] + label_drive[inputs.label[rows]]
            self._present_drive(drive, time_course, raster, watch)

        return present

    def _begin(self, presentations: int) -> None:
        self._presented = presentations
        self._network.rewind()
        for name, value in self._start.items():
            self.view(name)[:] = value
        if "not_refractory" in self._group.variables:
            self.view("not_refractory")[:] = True

    def _present_drive(self, drive, time_course, raster, watch) -> None:
        self._begin(len(drive))
        self.view("drive")[: len(drive)] = drive
        shared = self._group.variables["time_course"].get_value()
        for step, value in enumerate(time_course):
            shared[0] = value
            self._step(step, raster, watch)
        self.population.check(self.read("v"))

    def _present_spikes(self, spikes, weights, raster, watch) -> None:
        presentations = spikes.shape[1]
        self._begin(presentations)
        current = float(self.population.layer.current)
        a = self.view("a")
        for step in range(len(spikes)):
            self._step(step, raster, watch)
            a[:presentations] += current * (csr_matrix(spikes[step], dtype=float) @ weights)
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
