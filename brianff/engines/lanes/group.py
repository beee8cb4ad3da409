"""One layer's lanes: a Brian2 group of lanes x neurons that is prepared once, and direct access to its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import brian2
import numpy as np
from brian2.core.variables import Subexpression
from scipy.sparse import csr_matrix

from brianff.acceleration.compiled import generating
from brianff.acceleration.prepared_network import PreparedNetwork
from brianff.engines.expressions import evaluator
from brianff.engines.lanes.drive import Drive
from brianff.engines.lanes.fused import FUSED, FusedPresentations, fused_code
from brianff.engines.population import LONG_AGO, Population
from brianff.engines.synaptic_current import mean_of_one
from brianff.equations.composition import state_variables
from brianff.equations.synapse import COMMON_TIME_COURSE, GIVEN_DRIVE, SEPARABLE
from brianff.equations.tangent import event_names
from brianff.errors import ConfigurationError
from brianff.matching import FastPath

__all__ = ["LaneGroup", "Spikes"]

Spikes = tuple[np.ndarray, np.ndarray]
"""Spikes of one step as rows of a sparse matrix: where those of each lane start, and the unit of each."""

AfterStep = Callable[[int], None]

KNOWN_COURSE = FastPath("known time course", {"method": {"semi_implicit", "exponential_euler", "euler"}})
"""Currents that are computed beforehand: for methods that take one value of the current in each step."""

CROSSINGS = FastPath("crossings", {})
"""Spikes seen from outside, as upward crossings: Brian2's refractoriness is a branch for each neuron and step."""


class LaneGroup:
    """Presentations of one layer side by side.

    Parameters
    ----------
    population : Population
    lanes : int
        Room for so many presentations; only those in use cost time.
    pulses : bool
        Whether the input is a drive with a common time course, or spikes.
    spiking : bool
        Whether the neurons spike; without, they have no threshold.
    goodness_only : bool
        Whether to leave out what only plasticity needs.
    """

    def __init__(self, population: Population, lanes: int, pulses: bool, spiking: bool, goodness_only: bool = False):
        self.population = population
        neuron, synapse, winners = population.neuron, population.synapse, population.layer.winners
        self._immediate = synapse.immediate
        known_course = synapse.analog or not KNOWN_COURSE.refused({"method": population.network.method})
        self._separable = pulses and not self._immediate and known_course
        current, time_course = synapse.equations, "time_course = 1 : 1"
        follows_common = population.follows_common_current and not pulses and not goodness_only
        self._follows_common_current = follows_common and known_course
        self._integrates_common_current = follows_common and not known_course
        if pulses and not self._immediate:
            time_course = "time_course : 1 (shared)"
        if self._separable:
            current = SEPARABLE
        elif synapse.analog:
            current = GIVEN_DRIVE
        if self._follows_common_current:
            time_course = "time_course : 1"
        elif self._integrates_common_current:
            current, time_course = current + synapse.common(current), COMMON_TIME_COURSE
        self._event_count = population.events if pulses else 1
        self._drives = event_names("drive", self._event_count)
        arguments = goodness_only, self._event_count, "window : 1 (shared)"
        self._equations = population.equations(current, time_course, *arguments)
        self._crossings = spiking and not CROSSINGS.refused(neuron.needs_at_spikes | {"winners": winners})
        spiking = spiking and not self._crossings
        needs = population.needs(self._equations, spiking) | {"a current of its own": not self._separable}
        fused = not FUSED.refused(needs)
        if population.timings_differ and not fused:  # fused code goes through presentations one by one
            texts = (text.replace(" (shared)", "") for text in (time_course, arguments[-1]))
            self._equations = population.equations(current, next(texts), *arguments[:-1], next(texts))
        # What the pulses of the events give to the neurons, by the names that the equations have, for each timing.
        self._given: tuple[str, ...] = ()
        self._courses = np.zeros((1, 0, 0))
        if pulses:
            names = [event_names(name, self._event_count) for name in population.event_courses()]
            self._given = tuple(name for one in names for name in one if self._equations[name].expr is None)
            self._set_timings(lanes)
        self._start = {name: population.start(name) for name in state_variables(self._equations)}
        self._matrix = csr_matrix((0, 0))
        self._kick: np.ndarray | None = None
        self._above: np.ndarray
        self._crossed: np.ndarray
        self._lanes = lanes
        self._step_given = 0
        with generating(population.dtype, population.target):
            clock = brian2.Clock(population.network.time_step, name="lanes_clock")
            size, code_class = (
                lanes * population.layer.neurons,
                fused_code(self._start, self._drives, self._given) if fused else None,
            )
            self._group = population.group(size, self._equations, spiking, "lanes", clock, code_class)
            self._network = PreparedNetwork(self._group)
            if not self._separable and synapse.update:
                update = synapse.update + synapse.common(synapse.update) * self._integrates_common_current
                self._network.add(self._group.run_regularly(update, when="start"))
            if self._immediate or winners is not None:
                self._network.add(brian2.NetworkOperation(self._before_threshold, clock=clock, when="after_groups"))
            self._network.prepare()
        self._use = self._network.restrict(self._group)
        self._fused: FusedPresentations | None = None
        if fused:
            self._fused = FusedPresentations(self._group, self._start, population.layer.neurons, population.dtype)
        if "not_refractory" in self._group.variables:
            self._start |= {"not_refractory": True, "lastspike": LONG_AGO}
        self._evaluators: dict[str, Callable] = {}
        self._lanes = 0

    def read(self, name: str) -> np.ndarray:
        """Return a variable of the lanes in use, shape (lanes, neurons); no copy of state variables."""
        if name == "I" and self._separable:
            courses = zip(event_names("time_course", self._event_count), self._drives, strict=True)
            current = sum(self.read(course) * self.read(drive) for course, drive in courses)
            return float(self.population.layer.current_scale) * current
        if name == "postsynaptic" and self._integrates_common_current:
            mean = self._state("common_mean")
            return self._state(name) / np.where(mean > 0, mean, 1.0)
        return self._state(name)

    def _state(self, name: str) -> np.ndarray:
        if name in self._given:
            course = self._courses[self._timing, self._step_given, self._given.index(name), np.newaxis]
            return np.broadcast_to(course, (self._lanes, self.population.layer.neurons))
        if isinstance(self._group.variables[name], Subexpression):
            return self._evaluate(name)
        return self._variable(name).reshape(-1, self.population.layer.neurons)[: self._lanes]

    def _evaluate(self, name: str) -> np.ndarray:
        """Return a subexpression of the lanes in use."""
        if name not in self._evaluators:
            self._evaluators[name] = evaluator(self._equations, name, self.population.namespace)
        return np.broadcast_to(self._evaluators[name](self.read), (self._lanes, self.population.layer.neurons))

    def spikes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return lane, in rising order, and neuron of each spike of the step just made."""
        neurons = self.population.layer.neurons
        if self._crossings:
            return np.divmod(self._crossed, neurons)
        space = self._variable("_spikespace")
        return np.divmod(space[: space[self._lanes * neurons]], neurons)

    def begin(self, lanes: int, membrane: np.ndarray | None = None) -> None:
        """Put the state to its start, for so many presentations.

        With `membrane`, the states (lanes, states x neurons) that are carried over, they start from these after their
        rest.
        """
        self._use_lanes(lanes)
        self._reset()
        if membrane is None:
            return
        self._carry(membrane)
        if self.population.rest_factor is not None:
            self.read("v")[:] *= self.population.rest_factor
        elif self.population.network.rest_steps:
            self._rest(self.population.network.rest_steps)
            rested = self.carried()
            self._reset()
            self._carry(rested)

    def carried(self) -> np.ndarray:
        """Return what is carried over to the next presentation, shape (lanes, states x neurons)."""
        return np.hstack([self.read(name) for name in self.population.carried])

    def _carry(self, membrane: np.ndarray) -> None:
        states = self.population.carried
        for name, values in zip(states, np.split(membrane, len(states), axis=1), strict=True):
            self.read(name)[:] = values

    def _rest(self, steps: int) -> None:
        """Advance by steps without input."""
        silence, timing = np.zeros((1, steps, len(self._given)), self.population.dtype), np.zeros(self._lanes, np.int64)
        if self._fused is not None:  # all steps in one call
            self._fused.step(silence, timing)
            self._step()
            return
        self._give(silence[:, 0], timing)
        for _ in range(steps):
            self._step()

    @property
    def runs_fused(self) -> bool:
        """Whether `present_fused` can be used."""
        return self._fused is not None

    def present_fused(
        self, drive: Drive, results: Mapping[str, np.ndarray], strides: Iterable[tuple[int, int]] | None = None
    ) -> None:
        """Present a drive from the start, with the time course of the pulses, and keep some variables at its end.

        Parameters
        ----------
        drive : Drive
        results : mapping of str to ndarray, shape (presentations, neurons)
            Names of variables, and contiguous arrays for them.
        strides : iterable of (int, int), optional
            How many steps, and how many of these are made in one; of all steps, in their order. Without `results`.
        """
        assert self._fused is not None
        self._use_lanes(len(drive))
        direct = {name: array for name, array in results.items() if name in self._start}
        self._set_timings(len(drive), drive.onsets)
        (first, stride), *others = strides or [(self._courses.shape[1], 1)]
        with self._network.steps_of(stride):
            self._fused.present(drive, self._together(0, first, stride), self._timing, direct, self._network.step)
        for count, stride in others:
            self._fused.step(self._together(first, count, stride), self._timing)
            first += count
            with self._network.steps_of(stride):
                self._network.step()
        for name, array in results.items():
            if name not in self._start:
                array[:] = self.read(name)
        self.population.check(self.read("v"))

    def _together(self, first: int, count: int, stride: int) -> np.ndarray:
        """Return what the events give at some steps, as the mean of so many at a time."""
        courses = self._courses[:, first : first + count]
        return courses.reshape(len(courses), -1, stride, courses.shape[2]).mean(axis=2) if stride > 1 else courses

    def present_drive(self, drive: Drive, after_step: AfterStep) -> None:
        """Present a drive with the time course of the pulses, step by step."""
        kicks: np.ndarray | None = None
        if self._separable:
            drive.write([self.read(name) for name in self._drives])
        else:
            kicks = np.empty((self._event_count, self._lanes, self.population.layer.neurons), self.population.dtype)
            drive.write(list(kicks))
            kicks *= self.population.current.gain
        self._set_timings(len(drive), drive.onsets)
        event_steps = self.population.network.encoding.event_steps
        for step in range(self.population.network.encoding.steps):
            arriving = []
            if kicks is not None and drive.onsets is not None:
                comes = np.equal(drive.onsets.T, step)
                arriving = [comes[k][:, np.newaxis] * kicks[k] for k in np.flatnonzero(comes.any(axis=1))]
            elif kicks is not None:
                arriving = [kicks[k] for k, steps in enumerate(event_steps) if step in steps]
            if self._immediate:
                self._kick = sum(arriving) if arriving else None
            self._step_given = step
            self._give(self._courses[:, step], self._timing)
            self._step()
            after_step(step)
            if arriving and not self._immediate:
                target = self.read(self.population.synapse.target)
                target += sum(arriving)
        self.population.check(self.read("v"))

    def _set_timings(self, lanes: int, onsets: np.ndarray | None = None) -> None:
        """Compute what events give that come at these steps, (lanes, events), or at those of the encoding."""
        self._timing = np.zeros(lanes, np.int64)
        timings = None
        if onsets is not None:
            timings, timing = np.unique(onsets, axis=0, return_inverse=True)
            self._timing = timing.reshape(-1).astype(np.int64)
        elif self._courses.size:  # the encoding's own are here already
            return
        of_events = self.population.event_courses(timings)
        courses = {
            name: course
            for kind, each in of_events.items()
            for name, course in zip(event_names(kind, self._event_count), each, strict=True)
        }
        shape = 1 if timings is None else len(timings), self.population.network.encoding.steps, len(self._given)
        table = np.zeros(shape, self.population.dtype)
        for number, name in enumerate(self._given):
            table[:, :, number] = courses[name]
        self._courses = table

    def _give(self, courses: np.ndarray, timing: np.ndarray) -> None:
        """Give the neurons of each lane, for the next step, the row of `courses` (timings, variables) that is its."""
        if self._fused is not None:
            self._fused.step(courses[:, np.newaxis], timing)
            return
        for number, name in enumerate(self._given):
            variable = self._group.variables[name]
            if variable.scalar:
                if len(courses) > 1:
                    raise ConfigurationError(
                        "presentations have other event times than each other: give the encoding a gap"
                    )
                variable.get_value()[0] = courses[0, number]
            else:
                values = variable.get_value().reshape(-1, self.population.layer.neurons)[: self._lanes]
                values[:] = courses[timing, number, np.newaxis]

    def present_spikes(self, steps: Iterable[Spikes], weights: np.ndarray, after_step: AfterStep) -> None:
        """Present the spikes of each step through `weights` (inputs, neurons), which `after_step` may change."""
        steps = list(steps)
        if self._follows_common_current:
            counts = np.array([np.diff(starts) for starts, _ in steps])
            courses = self.population.current.common_time_course(counts, len(weights))
        for step, (starts, units) in enumerate(steps):
            if self._follows_common_current:
                self.read("time_course")[:] = courses[step][:, np.newaxis]
            if self._immediate:
                self._kick = self._events(starts, units, len(weights)) @ weights if len(units) else None
                self._step()
                after_step(step)
            else:
                self._step()
                after_step(step)
                if len(units):
                    target = self.read(self.population.synapse.target)
                    target += self._events(starts, units, len(weights)) @ weights
                if self._integrates_common_current:
                    common = self.read(f"common_{self.population.synapse.target}")
                    common += self.population.current.gain * np.diff(starts)[:, np.newaxis] / len(weights)
        self.population.check(self.read("v"))

    def present_voltages(self, voltages: np.ndarray, weights: np.ndarray, after_step: AfterStep) -> None:
        """Present the normalised voltages (steps, lanes, units) of the layer below through `weights`."""
        steps, lanes, units = voltages.shape
        drives = (voltages.reshape(-1, units) @ weights).reshape(steps, lanes, -1)
        courses = mean_of_one(voltages.mean(axis=2))
        for step in range(steps):
            self.read("drive")[:] = drives[step]
            if self._follows_common_current:
                self.read("time_course")[:] = courses[step][:, np.newaxis]
            self._step()
            after_step(step)
        self.population.check(self.read("v"))

    def _use_lanes(self, lanes: int) -> None:
        if lanes != self._lanes:
            self._use(lanes * self.population.layer.neurons)
        self._lanes = lanes

    def _step(self) -> None:
        """Advance by one time step."""
        self._network.step()
        if self._crossings:
            above = self._evaluate(self.population.threshold)
            self._crossed = np.flatnonzero(above & ~self._above)
            self._above = above

    def _events(self, starts: np.ndarray, units: np.ndarray, inputs: int) -> csr_matrix:
        """Return a step's spikes as a matrix (lanes, inputs), valid until the next call."""
        if self._matrix.shape != (self._lanes, inputs):
            self._matrix = csr_matrix((self._lanes, inputs), dtype=self.population.dtype)
        # Spikes are right by construction: making a matrix anew would check them, and takes longer than the product.
        self._matrix.data = np.full(len(units), self.population.current.gain, self.population.dtype)
        self._matrix.indices, self._matrix.indptr = (part.astype(np.int32, copy=False) for part in (units, starts))
        return self._matrix

    def _before_threshold(self) -> None:
        """Let events act that act at once, and hold the competition."""
        voltage, winners = self.read("v"), self.population.layer.winners
        if self._kick is not None:
            frozen = self._group.variables["v"].conditional_write is not None  # "unless refractory"
            voltage += self._kick * self.read("not_refractory") if frozen else self._kick
        if winners is not None:
            weakest = np.partition(voltage, -winners, axis=1)[:, -winners]
            self.read("winning_voltage")[:] = weakest[:, np.newaxis]

    def _variable(self, name: str) -> np.ndarray:
        return self._group.variables[name].get_value()

    def _reset(self) -> None:
        self._kick = None
        self._above = np.zeros((self._lanes, self.population.layer.neurons), dtype=bool)
        self._network.rewind()
        for name, value in self._start.items():
            self._state(name)[:] = value
