"""The reference engine: the network as ordinary Brian2 objects, one presentation after the other.

It is what a Brian2 user would write by hand: a group that emits the input events, `Synapses` with alpha currents,
groups of neurons, monitors. It is slow, and it is the oracle for the fast engine; it runs on every Brian2 target,
C++ standalone included.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import brian2
import numpy as np
from brian2.core.base import BrianObjectException

from brianff.acceleration.compiled import generating
from brianff.description import Network
from brianff.engines.population import LONG_AGO, LayerResult, Population, check_batch, populations
from brianff.equations.composition import presentation_start
from brianff.equations.neuron import one_line
from brianff.equations.synapse import COMMON_TIME_COURSE, EVENT_AMPLITUDE, WEIGHT
from brianff.equations.tangent import event_names
from brianff.errors import ConfigurationError, NumericalError
from brianff.goodness import Goodness
from brianff.inputs import PulseInput, SpikeInput

__all__ = ["BrianObjects", "ReferenceEngine"]


@dataclass
class BrianObjects:
    """The Brian2 objects of one batch, for scripts that add their own monitors before they run `network`.

    Parameters
    ----------
    network : brian2.Network
    inputs : brian2.NeuronGroup
    layers : list of brian2.NeuronGroup
    synapses : list of brian2.Synapses
    spikes : list of brian2.SpikeMonitor
    results : list of brian2.StateMonitor
        `goodness` and `postsynaptic` at the end of each presentation but the last.
    duration : brian2.Quantity
        Duration of all presentations together.
    """

    network: brian2.Network
    inputs: brian2.NeuronGroup
    layers: list
    synapses: list
    spikes: list
    results: list
    duration: brian2.Quantity


class ReferenceEngine:
    """Runs a network in plain Brian2.

    Parameters
    ----------
    network : Network
    goodness : Goodness
    standalone_directory : str, optional
        Build and run a C++ standalone program in this directory instead of running inside Python. Brian2's device
        must have been chosen before: ``brian2.set_device("cpp_standalone", build_on_run=False)``.
    seed : int
        Seed of what differs from neuron to neuron.
    credit : {"held", "within-event", "memory"}
        How much of what an input event does its postsynaptic factor holds; see `brianff.equations.tangent`.
    """

    def __init__(
        self,
        network: Network,
        goodness: Goodness,
        standalone_directory: str | None = None,
        seed: int = 0,
        credit: str = "held",
    ):
        self.network = network
        self.populations = populations(network, goodness, seed, credit=credit)
        self._standalone_directory = standalone_directory

    def present(
        self,
        inputs: PulseInput | SpikeInput,
        weights: Sequence[np.ndarray],
        *,
        spikes: bool = True,
        observe: Any = None,
        membranes: Sequence[np.ndarray | None] = (),
        goodness_only: bool = False,
        first: int = 0,
    ) -> list[LayerResult]:
        """Present a batch to `len(weights)` layers, with the parameters of `LanesEngine.present`.

        Spikes are always returned and everything is always measured. Presentations do not run side by side here: a
        ConfigurationError refuses observers.
        """
        if observe is not None:
            raise ConfigurationError(
                "the reference engine calls no observers: use engine 'lanes', or monitors and `ReferenceEngine.build`"
            )
        with self._generating(runtime=self._standalone_directory is None):
            objects = self.build(inputs, weights, membranes, first)
            try:
                objects.network.run(objects.duration, namespace={})
            except (ArithmeticError, BrianObjectException) as error:
                raise NumericalError(f"a time step could not be computed: {one_line(error)}") from error
            if self._standalone_directory is not None:
                brian2.get_device().build(directory=self._standalone_directory, compile=True, run=True)
            for number, (membrane, result, group) in enumerate(
                zip(membranes, objects.results, objects.layers, strict=False), first
            ):
                if membrane is not None:
                    membrane[:] = np.hstack([_at_end(group, result, name) for name in self.populations[number].carried])
            return [self._result(objects, number, inputs, first) for number in range(len(weights))]

    def build(
        self,
        inputs: PulseInput | SpikeInput,
        weights: Sequence[np.ndarray],
        membranes: Sequence[np.ndarray | None] = (),
        first: int = 0,
    ) -> BrianObjects:
        """Return the Brian2 objects that present a batch, one presentation after the other, each after its rest.

        They belong to the device that is active.
        """
        check_batch(self.populations[first:], inputs, weights, membranes)
        with self._generating(runtime=False):
            return self._build(inputs, weights, membranes, first)

    def _generating(self, runtime: bool) -> AbstractContextManager[None]:
        return generating(target=self.populations[0].target, runtime=runtime)

    def _build(self, inputs, weights, membranes, first) -> BrianObjects:
        duration = (self.network.rest_steps + inputs.steps) * self.network.time_step
        clock = brian2.Clock(self.network.time_step, name="step_clock")
        presentation_clock = brian2.Clock(duration, name="presentation_clock")
        source = self._input_group(inputs, clock)
        emit = source.run_regularly("amplitude = input_events(t, i)", when="start", clock=clock)
        objects = BrianObjects(brian2.Network(source, emit), source, [], [], [], [], len(inputs) * duration)
        for number, (population, matrix) in enumerate(zip(self.populations[first:], weights, strict=False), 1):
            immediate = population.synapse.immediate
            pulses = number == 1 and isinstance(inputs, PulseInput)
            separable, events = pulses and not immediate, population.events if pulses else 1
            common = population.follows_common_current and not separable
            current, synapse = population.synapse.equations, population.synapse
            window = "window = given_window(t) : 1 (constant over dt)"
            if separable:
                course = "time_course = given_time_course(t) : 1 (constant over dt)"
                equations = population.equations(current, course, events=events, window=window)
            elif common:
                equations = population.equations(current + synapse.common(current), COMMON_TIME_COURSE)
            else:
                equations = population.equations(current, "time_course = 1 : 1", events=events, window=window)
            # Hidden layers send events of amplitude 1, as the input group sends events with amplitudes of its own.
            group = population.group(matrix.shape[1], equations + EVENT_AMPLITUDE, True, f"layer_{number}", clock)
            group.amplitude = 1
            if pulses:
                rest = ((0, 0), (self.network.rest_steps, 0))
                for name, courses in population.event_courses(getattr(inputs, "onsets", None)).items():
                    for given, course in zip(event_names(f"given_{name}", events), courses, strict=True):
                        shown = np.broadcast_to(course, (len(inputs), inputs.steps))
                        values = np.pad(shown, rest).ravel()
                        group.namespace[given] = brian2.TimedArray(values, dt=self.network.time_step, name=given)
            if synapse.update:
                update = synapse.update + synapse.common(synapse.update) * common
                objects.network.add(group.run_regularly(update, when="start"))
            start = presentation_start(population.neuron, equations)
            if "lastspike" in group.variables:  # beforehand: a refractory neuron may keep its voltage
                awake = f"lastspike = {LONG_AGO}*second\nnot_refractory = True"
                objects.network.add(group.run_regularly(awake, clock=presentation_clock, when="start", order=-2))
            objects.network.add(group.run_regularly(start, clock=presentation_clock, when="start", order=-1))
            if self.network.rest_steps:
                objects.network.add(*self._start_after_rest(group, population, equations, clock))
            membrane = membranes[number - 1] if number <= len(membranes) else None
            if membrane is not None:
                objects.network.add(_carry_over(group, population.carried, membrane, presentation_clock))
            on_pre = [synapse.on_pre] + [synapse.on_pre_common] * common
            synapses = self._connect(source, group, population, matrix, on_pre, f"synapses_{number}", clock)
            # In the slot of the thresholds, layer after layer: immediate events, competition, threshold.
            group.thresholder["spike"].order = 3 * number
            if immediate:
                synapses.pre.when, synapses.pre.order = "thresholds", 3 * number - 2
            if population.layer.winners is not None:
                objects.network.add(_competition(group, population.layer.winners, 3 * number - 1, clock))
            # Monitored just before the next presentation starts.
            result = brian2.StateMonitor(
                group,
                ["goodness", *(name for name in equations if name.startswith("postsynaptic"))]
                + list(population.carried or ("v",))
                + ["common_mean"] * common,
                record=True,
                clock=presentation_clock,
                when="start",
                order=-2,
                name=f"results_{number}",
            )
            monitor = brian2.SpikeMonitor(group, name=f"spikes_{number}")
            objects.network.add(group, synapses, result, monitor)
            objects.layers.append(group)
            objects.synapses.append(synapses)
            objects.results.append(result)
            objects.spikes.append(monitor)
            source = group
        return objects

    def _input_group(self, inputs: PulseInput | SpikeInput, clock: brian2.Clock) -> brian2.NeuronGroup:
        events = inputs.events().transpose(1, 0, 2)  # presentation after presentation
        events = np.pad(events, ((0, 0), (self.network.rest_steps, 0), (0, 0)))
        table = brian2.TimedArray(events.reshape(-1, events.shape[2]), dt=self.network.time_step, name="input_events")
        return brian2.NeuronGroup(
            events.shape[2],
            "amplitude : 1",
            threshold="amplitude != 0",
            reset="",
            namespace={"input_events": table},
            clock=clock,
            name="inputs",
        )

    def _connect(self, source, target, population: Population, matrix: np.ndarray, on_pre, name, clock):
        synapses = brian2.Synapses(
            source,
            target,
            WEIGHT + population.synapse.summed,
            on_pre="\n".join(on_pre).strip() or None,
            namespace=population.namespace,
            clock=clock,
            name=name,
        )
        pre, post = np.indices(matrix.shape).reshape(2, -1)
        synapses.connect(i=pre, j=post)
        synapses.weight = matrix.ravel()
        return synapses

    def _start_after_rest(self, group, population: Population, equations, clock):
        """Put everything that is not carried over to its start at the end of each rest."""
        rest, period = self.network.rest_steps, self.network.rest_steps + self.network.encoding.steps
        rest_ends = f"int(timestep(t, dt) % {period} == {rest})"
        assignments = [line.split(" = ") for line in presentation_start(population.neuron, equations).splitlines()]
        code = "\n".join(
            f"{name} += {rest_ends}*({value} - {name})" for name, value in assignments if name not in population.carried
        )
        awake = f"lastspike += {rest_ends}*({LONG_AGO}*second - lastspike)\n"
        awake += f"not_refractory = not_refractory or {rest_ends} > 0"
        refractory = "lastspike" in group.variables
        return [
            group.run_regularly(statements, clock=clock, when="start", order=1)
            for statements in [awake] * refractory + [code]
        ]

    def _result(self, objects: BrianObjects, number: int, inputs: PulseInput | SpikeInput, first: int) -> LayerResult:
        group, monitor, result = objects.layers[number], objects.spikes[number], objects.results[number]
        self.populations[first + number].check(_at_end(group, result, "v"))
        raster = np.zeros((inputs.steps, len(inputs), len(group)), dtype=bool)
        step = np.rint(np.asarray(monitor.t) / float(self.network.time_step)).astype(int)
        presentation, step = np.divmod(step, self.network.rest_steps + inputs.steps)
        step -= self.network.rest_steps
        shown = step >= 0
        raster[step[shown], presentation[shown], np.asarray(monitor.i)[shown]] = True
        events = self.populations[first + number].events if isinstance(inputs, PulseInput) and not number else 1
        factors = [_at_end(group, result, name) for name in event_names("postsynaptic", events)]
        postsynaptic = np.array(factors) if events > 1 else factors[0]
        if "common_mean" in group.variables:
            mean = _at_end(group, result, "common_mean")
            postsynaptic /= np.where(mean > 0, mean, 1.0)
        return LayerResult(_at_end(group, result, "goodness"), postsynaptic, raster)


def _at_end(group, result, name: str) -> np.ndarray:
    """Return a variable at the end of each presentation, shape (presentations, neurons)."""
    before_last = np.asarray(getattr(result, name)).T[1:]
    return np.vstack([before_last, np.asarray(getattr(group, name))])


def _carry_over(group, states: Sequence[str], membrane: np.ndarray, presentation_clock):
    """Start each presentation from states that are given for it."""
    for name, values in zip(states, np.split(membrane, len(states), axis=1), strict=True):
        unit = brian2.get_unit(group.variables[name].dim)
        group.namespace[f"carried_{name}"] = brian2.TimedArray(
            values * unit, dt=presentation_clock.dt, name=f"carried_{name}_{group.name}"
        )
    code = "\n".join(f"{name} = carried_{name}(t, i)" for name in states)
    return group.run_regularly(code, clock=presentation_clock, when="start")


def _competition(group, winners: int, order: int, clock) -> brian2.NetworkOperation:
    """Let only the neurons with the highest membrane voltage spike; not in C++ standalone."""

    def compete():
        voltage = group.variables["v"].get_value()
        group.variables["winning_voltage"].get_value()[:] = np.partition(voltage, -winners)[-winners]

    return brian2.NetworkOperation(compete, clock=clock, when="thresholds", order=order)
