"""What both engines share: how a layer's description becomes the arguments of a Brian2 group."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import brian2
import numpy as np
from brian2 import Equations, StateUpdateMethod
from brian2.stateupdaters import euler, exponential_euler

from brianff.description import Layer, Network, PulseEncoding
from brianff.equations import NEURONS, SYNAPSES, NeuronModel, SynapseModel
from brianff.equations.composition import compose
from brianff.equations.functions import FUNCTIONS
from brianff.equations.semi_implicit import semi_implicit
from brianff.errors import ConfigurationError, NumericalError
from brianff.goodness import Goodness
from brianff.quantities import parse_like

__all__ = ["LayerResult", "Population"]

METHODS = {"semi_implicit": semi_implicit, "exponential_euler": exponential_euler, "euler": euler}


@dataclass(frozen=True)
class LayerResult:
    """What a layer did in a batch of presentations.

    Parameters
    ----------
    goodness_terms : ndarray, shape (presentations, neurons)
    postsynaptic : ndarray, shape (presentations, neurons)
    raster : ndarray of bool, shape (steps, presentations, neurons), or None
        Spikes, where they were asked for.
    """

    goodness_terms: np.ndarray
    postsynaptic: np.ndarray
    raster: np.ndarray | None = None

    def measured(self, goodness: Goodness) -> tuple[np.ndarray, np.ndarray]:
        """Return goodness terms and postsynaptic factor: what was integrated, or the counts of the spikes."""
        if not goodness.counts_spikes:
            return self.goodness_terms, self.postsynaptic
        counts = np.asarray(self.raster).sum(axis=0).astype(float)
        return counts, counts


@dataclass(frozen=True)
class Population:
    """A layer of a network with the measurement of a goodness: the source of every Brian2 argument.

    Parameters
    ----------
    network : Network
    layer : Layer
    goodness : Goodness
    """

    network: Network
    layer: Layer
    goodness: Goodness

    def __post_init__(self):
        _ = self.namespace, self.synapse  # wrong names and values are reported before anything is compiled

    @property
    def neuron(self) -> NeuronModel:
        """The neuron model."""
        return _by_name(NEURONS, self.layer.neuron, "neuron")

    @property
    def synapse(self) -> SynapseModel:
        """The model of the synaptic current."""
        return _by_name(SYNAPSES, self.layer.synapse, "synapse")

    @cached_property
    def parameters(self) -> dict:
        """Parameters of the neuron: the preset with the layer's own values."""
        try:
            preset = self.neuron.namespace(self.layer.preset)
            own = {
                name: parse_like(text, preset[name]) if name in preset else text
                for name, text in self.layer.parameters.items()
            }
            return self.neuron.namespace(self.layer.preset, **own)
        except ValueError as error:
            raise ConfigurationError(f"layers: {error}") from None

    @cached_property
    def namespace(self) -> dict:
        """Everything that the equations name, for one presentation of the network's encoding."""
        return {
            **FUNCTIONS,
            **self.parameters,
            "current": self.layer.current,
            "tau_s": self.layer.synapse_time_constant,
            "duration": self.network.encoding.steps * self.network.time_step,
        }

    def equations(self, current: str, time_course: str) -> Equations:
        """Return the equations of the neurons under the equations of a synaptic current and of its time course."""
        return compose(self.neuron, current, self.goodness.equations, time_course)

    def group(
        self, size: int, equations: Equations, spiking: bool, name: str, clock: brian2.Clock
    ) -> brian2.NeuronGroup:
        """Make the Brian2 group of `size` neurons; without `spiking`, and without a reset, it has no threshold.

        Names are part of the generated code: the same names in every session let compiled code be found again.
        """
        events = {}
        if spiking or self.neuron.reset:  # a reset belongs to the dynamics, whether spikes are wanted or not
            events = {"threshold": self.neuron.threshold, "reset": self.neuron.reset}
            if self.neuron.refractory is not None:
                events["refractory"] = self.neuron.refractory
        return brian2.NeuronGroup(
            size,
            equations,
            method=METHODS[self.network.method],
            method_options=self._method_options(equations),
            namespace=self.namespace,
            clock=clock,
            name=name,
            **events,
        )

    def _method_options(self, equations: Equations) -> dict | None:
        return {"order": tuple(equations)} if self.network.method == "semi_implicit" else None

    @cached_property
    def pulse_response(self) -> np.ndarray:
        """Current of a unit weight, per `current`, after one presynaptic event at step 0; shape (steps,)."""
        return self._measure_current((0,))

    @cached_property
    def pulse_train_response(self) -> np.ndarray:
        """Current of a unit drive, per `current`, with the encoding's pulses; shape (steps,)."""
        encoding = self.network.encoding
        if not isinstance(encoding, PulseEncoding):
            raise TypeError(f"{encoding.kind!r} encoding has no common pulse train")
        return self._measure_current(encoding.pulse_steps)

    def _measure_current(self, event_steps: tuple[int, ...]) -> np.ndarray:
        """Return the current that the membrane sees at each step for events of amplitude 1 and a weight of 1.

        The integration method's own statements are carried out in plain Python, so that the separable current equals
        the current of the events to rounding.
        """
        equations = Equations(self.synapse.equations + "dtransferred/dt = I/(current*dt) : 1")
        method = METHODS[self.network.method]
        options = self._method_options(equations)
        statements = StateUpdateMethod.apply_stateupdater(equations, {}, method, method_options=options)
        state: dict[str, Any] = dict.fromkeys(equations, 0.0)
        state |= {"exp": np.exp, "reciprocal": np.reciprocal, "dt": float(self.network.time_step)}
        state |= {"tau_s": float(self.layer.synapse_time_constant), "current": float(self.layer.current)}
        step_code = compile(f"{self.synapse.update}\n{statements}", "synaptic current", "exec")
        total = np.zeros(self.network.encoding.steps + 1)
        for step in range(self.network.encoding.steps):
            exec(step_code, state)
            state["a"] += state["current"] * (step in event_steps)
            total[step + 1] = state["transferred"]
        return np.diff(total)

    def check(self, voltage: np.ndarray) -> None:
        """Raise a NumericalError if the membrane voltages (volt) show that the integration diverged."""
        limit = float(self.neuron.largest_voltage)
        if voltage.size and not np.abs(voltage).max() <= limit:
            largest = brian2.Quantity(eval(self.neuron.largest_explicit_step, {}, dict(self.parameters)))
            raise NumericalError(
                f"the membrane voltage of a {self.neuron.name!r} neuron left +-{self.neuron.largest_voltage} with "
                f"method {self.network.method!r} at a time step of {self.network.time_step}: use "
                f"network.method = 'semi_implicit', or network.time_step below {largest}"
            )


def _by_name(models, name, kind):
    if name not in models:
        raise ConfigurationError(f"layers: no {kind} {name!r}; known: {', '.join(models)}")
    return models[name]
