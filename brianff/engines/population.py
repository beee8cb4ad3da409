"""What the engines share: how a layer's description becomes the arguments of a Brian2 group."""

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import brian2
import numpy as np
from brian2 import DEFAULT_FUNCTIONS, Equations, StateUpdateMethod
from brian2.codegen.codeobject import CodeObject
from brian2.units.fundamentalunits import get_dimensions
from brian2.utils.stringtools import get_identifiers

from brianff.acceleration.compiled import code_target
from brianff.acceleration.remembered import Remembered
from brianff.description import FrameEncoding, Layer, Network
from brianff.description.fields import shown
from brianff.engines.equation_checks import check_equations
from brianff.engines.steady_state import steady_state
from brianff.engines.synaptic_current import SynapticCurrent, in_plain_python, method_options
from brianff.equations import NeuronModel, SynapseModel
from brianff.equations.composition import compose, state_variables
from brianff.equations.functions import FUNCTIONS, LARGEST_EXPONENT_IN_SINGLE_PRECISION
from brianff.equations.memristor_course import with_courses
from brianff.equations.semi_implicit import METHODS, WithUpdate, unsolvable
from brianff.equations.synapse import WINNING_VOLTAGE
from brianff.equations.tangent import update_with_events, with_credit, with_events
from brianff.errors import ConfigurationError, DataError, NumericalError
from brianff.goodness import COUNT, CROSSINGS, Goodness
from brianff.inputs import PulseInput, SpikeInput, checked_units
from brianff.random import RandomStreams

__all__ = [
    "LONG_AGO",
    "METHODS",
    "PRECISIONS",
    "LayerResult",
    "Population",
    "check_batch",
    "populations",
    "whole_number",
]

PRECISIONS: dict[str, type[np.floating]] = {"double": np.float64, "single": np.float32}
"""Types of state variables by the name of the precision."""

SPIKE_BYTES = 8 + 4 + 1
"""Time of the last spike, place in the list of spikes, refractoriness."""


ONLY_PLASTICITY = ("sensitivity", "peak_sensitivity", "postsynaptic")
"""Variables that act back on nothing else."""

LONG_AGO = -1e4
"""Time (s) of the last spike of a neuron that has not spiked yet."""


@dataclass(frozen=True)
class LayerResult:
    """What a layer did in a batch of presentations.

    Parameters
    ----------
    goodness_terms : ndarray or Deferred, shape (presentations, neurons)
    postsynaptic : ndarray or Deferred, shape (presentations, neurons)
        Of several events: (events, presentations, neurons). No neurons where it was not measured.
    raster : ndarray of bool, shape (steps, presentations, neurons), or None
        Spikes, where they were asked for.
    averages : ndarray, shape (presentations, neurons), or None
        Time averages of the alpha currents that the spikes give to the next layer, if that layer ran.
    """

    goodness_terms: Any
    postsynaptic: Any
    raster: np.ndarray | None = None
    averages: np.ndarray | None = None

    def measured(self, goodness: Goodness) -> tuple[Any, Any]:
        """Return goodness terms and postsynaptic factor: what was integrated, or the counts of the spikes."""
        if not goodness.counts_spikes:
            return self.goodness_terms, self.postsynaptic
        seen = self.goodness_terms if self.raster is None else self.raster.sum(axis=0).astype(float)
        return seen, seen


_STEADY: Remembered[dict[str, np.ndarray]] = Remembered()


@dataclass(frozen=True)
class Population:
    """A layer of a network with the measurement of a goodness: the source of every Brian2 argument.

    Parameters
    ----------
    network : Network
    layer : Layer
    goodness : Goodness
    number : int
        Number of the layer.
    seed : int
        Seed of what differs from neuron to neuron.
    energy : bool
        Integrate the neurons' energies too.
    precision : {"double", "single"}
        Of the state variables and of the arithmetic.
    credit : {"held", "within-event", "memory"}
        How much of what an input event does its postsynaptic factor holds; see `brianff.equations.tangent`.
    target : {"cython", "numpy"}
        What code is generated: `code_target`.
    """

    network: Network
    layer: Layer
    goodness: Goodness
    number: int = 0
    seed: int = 0
    energy: bool = False
    precision: str = "double"
    credit: str = "held"
    target: str = field(default_factory=code_target)

    def __post_init__(self):
        # Wrong names and values are reported before anything is compiled.
        _ = self.namespace, self.synapse, self.spread
        if self.precision == "single" and self.neuron.largest_exponent:
            exponent = float(eval(self.neuron.largest_exponent, dict(self.parameters)))
            if exponent > LARGEST_EXPONENT_IN_SINGLE_PRECISION - 16:  # beside 1, single precision does not see exp(-16)
                raise ConfigurationError(
                    f"layers: a {self.neuron.name!r} neuron with these parameters needs exp({exponent:.3g}), which "
                    "single precision cannot tell apart: use engine.precision = 'double', or wider thresholds (k)"
                )
        if self.synapse.immediate and "R" not in self.parameters:
            raise ConfigurationError(
                f"layers: synapse {self.synapse.name!r} acts through the membrane resistance R, which a "
                f"{self.neuron.name!r} neuron has not; use synapse = 'alpha'"
            )
        _ = self.current.gain
        check_equations(self)

    @cached_property
    def neuron(self) -> NeuronModel:
        """The neuron model, its memristors and its start as the layer has them."""
        assert isinstance(self.layer.neuron, NeuronModel)
        if not self._steady_states:
            moved = "undriven" in self.layer.courses.values()
            return with_courses(self.layer.neuron, self.layer.courses) if moved else self.layer.neuron
        return with_courses(self.layer.neuron, self.layer.courses, self.layer.start == "steady")

    @cached_property
    def _steady_states(self) -> dict[str, np.ndarray]:
        """Steady states as parameters, in SI units; none if no variable starts from its own."""
        layer = self.layer
        if layer.start == "preset" and "frozen" not in layer.courses.values():
            return {}
        step, spread = float(self.network.time_step), self._own_spread
        what = layer.neuron, self._own_parameters, step, spread
        states = _STEADY.get(what, lambda: steady_state(layer.neuron, self._own_parameters, spread, step))
        return {f"steady_{name}": value for name, value in states.items()}

    @property
    def dtype(self) -> type[np.floating]:
        """Type of the state variables."""
        return PRECISIONS[self.precision]

    @property
    def synapse(self) -> SynapseModel:
        """The model of the synaptic current."""
        assert isinstance(self.layer.synapse, SynapseModel)
        return self.layer.synapse

    @cached_property
    def follows_common_current(self) -> bool:
        """Whether, under spikes as input, the neurons' sensitivity follows the common current of all of them."""
        return "unit_current" in get_identifiers(self.neuron.equations) and not self.synapse.immediate

    @cached_property
    def _own_parameters(self) -> dict:
        return self.layer.neuron.namespace(self.layer.preset, **self.layer.parameters)

    @cached_property
    def parameters(self) -> dict:
        """Parameters of the neuron: the preset with the layer's own values, and steady states."""
        units = {f"steady_{name}": equation.unit for name, equation in self.layer.neuron.variables.items()}
        steady = {name: float(np.mean(value)) * units[name] for name, value in self._steady_states.items()}
        return self._own_parameters | steady

    @cached_property
    def spread(self) -> dict[str, np.ndarray]:
        """Parameters that differ from neuron to neuron: name to the values (SI units) of all neurons."""
        return self._own_spread | (self._steady_states if self._own_spread else {})

    @cached_property
    def _own_spread(self) -> dict[str, np.ndarray]:
        generator = RandomStreams(self.seed)[f"neurons {self.number}"]
        values = {}
        for name, relative in sorted(self.layer.neuron_spread.items()):
            width = np.sqrt(np.log1p(relative**2))
            factor = np.exp(width * generator.standard_normal(self.layer.neurons) - width**2 / 2)
            values[name] = float(self._own_parameters[name]) * factor
        return values

    @cached_property
    def namespace(self) -> dict:
        """Everything that the equations name, for one presentation of the network's encoding."""
        own = {name: value for name, value in self.parameters.items() if name not in self.spread}
        return own | self.constants

    @property
    def constants(self) -> dict:
        return {
            **FUNCTIONS,
            "current_scale": self.layer.current_scale,
            "tau_s": self.layer.synapse_time_constant,
            "duration": self._measured_steps * self.network.time_step,
        }

    @cached_property
    def current(self) -> SynapticCurrent:
        """What presynaptic pulses give to the neurons."""
        return SynapticCurrent(self.network, self.layer, self.parameters | self.constants)

    @property
    def _measured_steps(self) -> int:
        return self.network.encoding.steps if self.window_steps is None else self.events * self.window_steps

    @property
    def events(self) -> int:
        """Number of input events in a presentation of which each has a time course and a factor of its own."""
        return max(len(self.network.encoding.event_steps), 1) if self.number == 0 else 1

    def event_courses(self, onsets: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Return what the events give to the neurons at each step, by name; arrays (events, timings, steps).

        `onsets` (timings, events) are the steps at which they come; None: those of the encoding, a single timing.
        """
        encoding = self.network.encoding
        responses, step = self.current.event_responses[:, np.newaxis], np.arange(encoding.steps)
        if onsets is None:
            onsets = np.array([[steps[0] for steps in encoding.event_steps]])
        else:
            since = step - onsets.T[..., np.newaxis]
            responses = np.where(since >= 0, self.current.pulse_response[np.maximum(since, 0)], 0.0)
        return {"time_course": responses} | ({"window": self.windows(onsets).astype(float)} if self.gated else {})

    def windows(self, onsets: np.ndarray) -> np.ndarray:
        """Return whether a step belongs to each event, bool (events, timings, steps), of onsets (timings, events)."""
        step = np.arange(self.network.encoding.steps)
        ends = np.pad(onsets[:, 1:], ((0, 0), (0, 1)), constant_values=len(step))
        if self.window_steps is not None:
            ends = onsets + self.window_steps
        return (step >= onsets.T[..., np.newaxis]) & (step < ends.T[..., np.newaxis])

    @property
    def timings_differ(self) -> bool:
        """Whether events come at other steps in each presentation."""
        return self.number == 0 and self.network.encoding.timings_differ

    @property
    def window_steps(self) -> int | None:
        """Steps after each event that are measured; None: all."""
        encoding = self.network.encoding
        if self.events == 1 or not isinstance(encoding, FrameEncoding):
            return None
        return encoding.window(self.network.time_step)

    @property
    def gated(self) -> bool:
        """Whether the neurons are told in which event's window a step lies: the time until the next, or less."""
        told = self.credit == "within-event" or self.goodness.readout == "peak" or self.window_steps is not None
        return self.events > 1 and told

    def equations(
        self,
        current: str,
        time_course: str,
        goodness_only: bool = False,
        events: int = 1,
        window: str = "window = 1 : 1",
    ) -> Equations:
        """Return the equations of the neurons under the equations of a synaptic current and of its time course.

        With `goodness_only` they leave out what only plasticity needs; it acts back on nothing else. With several
        `events`, the equations of the time course and of the window are those of each of them.
        """
        measurement = CROSSINGS if self.counts_crossings else self.goodness.equations
        if self.gated and events > 1:
            time_course += f"\n{window}"
            if self.window_steps is not None and "/duration" in measurement:  # it becomes the sum over the windows
                measurement = measurement.replace("/duration", "*measured/duration") + "measured = window : 1\n"
        measurement += self.neuron.energy if self.energy else ""
        equations = compose(self.neuron, current, measurement, time_course)
        if goodness_only:
            equations = self._without_plasticity(equations)
        elif self.credit != "held":
            equations = self._with_credit(equations, self.gated and self.credit == "within-event")
        equations = with_events(equations, events)
        equations += "\n".join(f"{name} : {self._unit(name)!r} (constant)" for name in self.spread)
        equations += "\n".join(f"{name} : {self._unit(name)!r} (shared, constant)" for name in self._shared)
        return equations if self.layer.winners is None else equations + WINNING_VOLTAGE

    def _without_plasticity(self, equations: Equations) -> Equations:
        """Leave out what only plasticity needs and what follows from it, unless the neuron itself reads that."""
        dropped: set[str] = set(ONLY_PLASTICITY)
        while more := {name for name, one in equations.items() if one.identifiers & dropped} - dropped:
            dropped |= more
        read = get_identifiers(f"{self.threshold}\n{self.neuron.reset}") | {"v", "goodness"}
        if read & dropped:
            return equations
        return Equations([one for name, one in equations.items() if name not in dropped])

    def _with_credit(self, equations: Equations, gated: bool) -> Equations:
        try:
            return with_credit(equations, gated)
        except ValueError as error:
            raise ConfigurationError(f"credit {self.credit!r} of neuron {self.neuron.name!r}: {error}") from None

    def needs(self, equations: Equations, spiking: bool) -> dict[str, Any]:
        """Return what the integration of equations needs, for a `matching.FastPath`."""
        names = equations.identifiers
        functions = names & (DEFAULT_FUNCTIONS.keys() | FUNCTIONS.keys())
        return {
            "code": self.target,
            "functions": tuple(sorted(functions)),
            "operators": tuple(sorted(set(re.findall("%|//", str(equations))))),
            "constants over a step": any("constant over dt" in equation.flags for equation in equations.values()),
            "events": spiking or self.neuron.acts_at_spikes or self.layer.winners is not None,
        }

    def _unit(self, parameter: str) -> Any:
        return brian2.get_unit(get_dimensions(self.parameters[parameter]))

    @property
    def _shared(self) -> tuple[str, ...]:
        """Parameters that are variables of the group: Brian2's constants are in double precision always."""
        if self.precision == "double":
            return ()
        return tuple(name for name in self.parameters if name not in self.spread)

    @cached_property
    def lane_bytes(self) -> int:
        """Memory that the state of the neurons takes for each presentation that runs beside others."""
        equations = self.equations(self.synapse.equations, "time_course = 1 : 1", events=self.events)
        return self.layer.neurons * (np.dtype(self.dtype).itemsize * len(state_variables(equations)) + SPIKE_BYTES)

    def group(
        self,
        size: int,
        equations: Equations,
        spiking: bool,
        name: str,
        clock: brian2.Clock,
        code_class: type[CodeObject] | None = None,
    ) -> brian2.NeuronGroup:
        """Make the Brian2 group of `size` neurons; without `spiking`, it has no threshold unless spikes act on them.

        Names are part of the generated code: the same names in every session let compiled code be found again.
        """
        events = {}
        if spiking or self.neuron.acts_at_spikes:  # a reset belongs to the dynamics, whether spikes are wanted or not
            events = {"threshold": self.threshold, "reset": self.neuron.reset}
            if self.neuron.refractory is not None:
                events["refractory"] = self.neuron.refractory
        group = brian2.NeuronGroup(
            size,
            equations,
            method=self._method(equations),
            method_options=method_options(self.network, equations),
            namespace={name: value for name, value in self.namespace.items() if name not in self._shared},
            dtype=self.dtype,
            clock=clock,
            name=name,
            codeobj_class=code_class,
            **events,
        )
        for parameter, values in self.spread.items():
            setattr(group, parameter, np.tile(values, size // self.layer.neurons) * self._unit(parameter))
        for parameter in self._shared:
            setattr(group, parameter, self.parameters[parameter])
        return group

    def _method(self, equations: Equations) -> StateUpdateMethod:
        """Return the integration method, with the own updates of the neuron and of the goodness."""
        count = COUNT.format(threshold=self.neuron.threshold)
        updates = self.neuron.update, count if self.counts_crossings else self.goodness.update
        events = self.events if "unit_current_1" in equations else 1
        corrections, statements = (
            [line.strip() for line in update.splitlines() if line.partition(" = ")[0].strip() in equations]
            for update in (update_with_events(update, events) for update in updates)
        )
        method = METHODS[self.network.method]
        return WithUpdate(method, corrections, statements) if corrections or statements else method

    def start(self, variable: str) -> float | np.ndarray:
        """Return a state variable (SI units) at the start of a presentation, of each neuron where they differ."""
        if variable not in self.neuron.initial:
            return 0.0
        spread = {name: values * self._unit(name) for name, values in self.spread.items()}
        start = np.asarray(self.neuron.start(variable, self.parameters | spread), dtype=float)
        return start if start.ndim else float(start)

    @property
    def threshold(self) -> str:
        """Condition of a spike; under competition only neurons at or above the `winning_voltage` fulfil it."""
        if self.layer.winners is None:
            return self.neuron.threshold
        return f"({self.neuron.threshold}) and v >= winning_voltage"

    @property
    def counts_crossings(self) -> bool:
        """Whether the goodness counts spikes that are upward crossings and nothing else: they need no raster."""
        seen = self.layer.winners is None and not self.synapse.immediate
        return self.goodness.counts_spikes and seen and not any(self.neuron.needs_at_spikes.values())

    @property
    def carried(self) -> tuple[str, ...]:
        """States that go over from one presentation to the next: the membrane voltage and the memristors."""
        if self.layer.membrane == "reset":
            return ()
        return tuple(name for name in ("v", "undriven_v", *self.neuron.memristors) if name in self.neuron.variables)

    @property
    def carries(self) -> bool:
        """Whether any state is carried over."""
        return bool(self.carried)

    @property
    def carried_start(self) -> np.ndarray:
        """The carried states at the start, side by side, shape (states x neurons,)."""
        return np.concatenate([np.broadcast_to(self.start(name), self.layer.neurons) for name in self.carried])

    @cached_property
    def rest_factor(self) -> float | None:
        """What the rest before a presentation leaves of the membrane voltage; None: it must be simulated.

        The integration method's own statements are carried out in plain Python for one neuron without input.
        """
        if not self.neuron.silent_decay or self.layer.winners is not None or self.spread:
            return None
        code, state = in_plain_python(self.network, self.layer, self.synapse.equations + self.neuron.equations)
        state |= {name: float(value) for name, value in self.parameters.items()} | {"v": 1.0}
        for _ in range(self.network.rest_steps):
            exec(code, state)
        return float(state["v"])

    def check(self, voltage: np.ndarray) -> None:
        """Raise a NumericalError if the membrane voltages (volt) show that the integration diverged."""
        limit = float(self.neuron.largest_voltage)
        if voltage.size and not (voltage.min() >= -limit and voltage.max() <= limit):  # NaN is neither
            semi_implicit = self.network.method == "semi_implicit"
            largest = eval(self.neuron.largest_explicit_step or "None", {}, dict(self.parameters))
            step_is_small = largest is not None and self.network.time_step < largest
            advice = ["smaller weights or a smaller current"] if semi_implicit or step_is_small else []
            if not (semi_implicit or step_is_small or unsolvable(self.neuron.variables)):
                advice.append("network.method = 'semi_implicit'")
            if not step_is_small:
                advice.append(
                    "a smaller network.time_step" if largest is None else f"network.time_step below {largest}"
                )
            if self.neuron.reset:  # a membrane that runs away by itself is reset before it goes too far
                advice.append("a lower threshold")
            raise NumericalError(
                f"the membrane voltage of a {self.neuron.name!r} neuron left +-{self.neuron.largest_voltage} with "
                f"method {self.network.method!r} at a time step of {self.network.time_step}: use "
                + ", or ".join(advice)
            )


def populations(
    network: Network,
    goodness: Goodness,
    seed: int,
    energy: bool = False,
    precision: str = "double",
    credit: str = "held",
) -> list[Population]:
    """Return the populations of a network's layers; see `Population`."""
    whole_number("seed", seed, 0)
    return [
        Population(network, layer, goodness, number, seed, energy, precision, credit)
        for number, layer in enumerate(network.layers)
    ]


def check_batch(
    populations: Sequence[Population],
    inputs: PulseInput | SpikeInput,
    weights: Sequence[np.ndarray],
    membranes: Sequence[np.ndarray | None] = (),
) -> None:
    """Raise a DataError unless the arrays of a batch fit each other and the layers that run."""
    if not 0 < len(weights) <= len(populations):
        raise DataError(f"there are weights of {len(weights)} layers; there are {len(populations)} layers to run")
    rows = checked_units(inputs)
    if populations[0].synapse.analog:
        raise DataError("the first layer to run takes the voltages of the layer below: present to that layer too")
    encoding = populations[0].network.encoding
    events = inputs.event_steps if isinstance(inputs, PulseInput) else encoding.event_steps
    if inputs.steps != encoding.steps or events != encoding.event_steps:
        raise DataError(f"the input has {inputs.steps} steps, or pulses, other than the {encoding!r} of the network")
    for number, (population, matrix) in enumerate(zip(populations, weights, strict=False)):
        shape = rows, population.layer.neurons
        if matrix.shape != shape:
            raise DataError(f"weights have the shape {matrix.shape}; {rows} inputs of {shape[1]} neurons need {shape}")
        membrane = membranes[number] if number < len(membranes) else None
        needed = len(inputs), max(len(population.carried), 1) * shape[1]
        if membrane is not None and membrane.shape != needed:
            raise DataError(f"membranes have the shape {membrane.shape}; they need {needed}")
        rows = shape[1]


def whole_number(name: str, value: Any, least: int) -> int:
    """Return a value as an int; a ConfigurationError if it is no whole number, or less than `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ConfigurationError(f"{name} is {shown(value)}; it must be a whole number of at least {least}")
    return number
