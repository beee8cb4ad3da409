"""What presynaptic pulses give to the neurons of a layer, computed before anything runs.

The integration method's own statements are carried out in plain Python: the separable current of pulses equals the
current of the same events in a simulation to rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import Any

import brian2
import numpy as np
from brian2 import DEFAULT_FUNCTIONS, DEFAULT_UNITS, Equations, StateUpdateMethod
from brian2.units.fundamentalunits import have_same_dimensions
from brian2.utils.stringtools import get_identifiers
from scipy.linalg import toeplitz

from brianff.description import Layer, Network
from brianff.equations import SynapseModel
from brianff.equations.neuron import one_line
from brianff.equations.semi_implicit import METHODS
from brianff.errors import ConfigurationError

__all__ = ["SynapticCurrent", "in_plain_python", "mean_of_one", "method_options"]


@dataclass(frozen=True)
class SynapticCurrent:
    """The current of a layer's synapses.

    Parameters
    ----------
    network : Network
    layer : Layer
    names : mapping of str to quantity
        What the synapse's gain may name: parameters of the neuron and constants.
    """

    network: Network
    layer: Layer
    names: Mapping[str, Any]

    @property
    def synapse(self) -> SynapseModel:
        assert isinstance(self.layer.synapse, SynapseModel)
        return self.layer.synapse

    @cached_property
    def gain(self) -> float:
        """What an event of amplitude 1 through a weight of 1 adds to the target of the synapse, in SI units."""
        synapse = self.synapse
        if synapse.analog:
            return 0.0
        unit = brian2.volt if synapse.immediate else Equations(synapse.equations)[synapse.target].unit
        where = f"gain {synapse.gain!r} of synapse {synapse.name!r}"
        try:
            gain = eval(synapse.gain, {**vars(brian2), **DEFAULT_UNITS, **self.names})
            fits = have_same_dimensions(gain, unit)
        except Exception as error:
            raise ConfigurationError(f"{where}: {one_line(error)}") from None
        if not fits:
            raise ConfigurationError(f"{where} needs {unit}, the unit of {synapse.target}")
        return float(gain)

    @cached_property
    def pulse_response(self) -> np.ndarray:
        """Current of a unit weight, per `current_scale`, after one presynaptic event at step 0; shape (steps,)."""
        return self._after((0,))

    @cached_property
    def event_responses(self) -> np.ndarray:
        """Current of a unit drive, per `current_scale`, with the pulses of each event; shape (events, steps)."""
        encoding = self.network.encoding
        if not encoding.event_steps:
            raise TypeError(f"{encoding.name!r} encoding has no common pulse train")
        return np.array([self._after(steps) for steps in encoding.event_steps])

    def common_time_course(self, counts: np.ndarray, inputs: int) -> np.ndarray:
        """Return the time course of the common current of so many presynaptic units, with a mean of 1.

        It has the shape of `counts`, the spikes of all units at each step (steps, presentations); zero without spikes.
        """
        return mean_of_one(toeplitz(self.pulse_response, np.zeros(len(self.pulse_response))) @ (counts / inputs))

    def _after(self, event_steps: tuple[int, ...]) -> np.ndarray:
        """Return the current that the membrane sees at each step for events of amplitude 1 and a weight of 1.

        Immediate events have no time course: 1 at their own step.
        """
        synapse, steps = self.synapse, self.network.encoding.steps
        if synapse.immediate or synapse.analog:
            response = np.zeros(steps)
            response[list(event_steps)] = 1.0
            return response
        transferred = "dtransferred/dt = I/(current_scale*dt) : 1"
        total = np.zeros(steps + 1)
        try:
            code, state = in_plain_python(self.network, self.layer, synapse.equations + transferred, synapse.update)
            state["tau_s"] = float(self.layer.synapse_time_constant)
            for step in range(steps):
                exec(code, state)
                state[synapse.target] += self.gain * (step in event_steps)
                total[step + 1] = state["transferred"]
        except Exception as error:
            raise ConfigurationError(f"synapse {synapse.name!r} has no current: {one_line(error)}") from None
        return np.diff(total)


def in_plain_python(network: Network, layer: Layer, text: str, update: str = "") -> tuple[CodeType, dict[str, Any]]:
    """Return an update and the integration method's own statements for equations, and the state at the start."""
    equations = Equations(text)
    method, options = METHODS[network.method], method_options(network, equations)
    statements = StateUpdateMethod.apply_stateupdater(equations, {}, method, method_options=options)
    statements, state = f"{update}\n{statements}", dict[str, Any]()
    for name in get_identifiers(statements):
        if name in DEFAULT_FUNCTIONS:
            state[name] = DEFAULT_FUNCTIONS[name].pyfunc
        elif name in DEFAULT_UNITS:
            state[name] = float(DEFAULT_UNITS[name])
        elif name in brian2.DEFAULT_CONSTANTS:
            state[name] = brian2.DEFAULT_CONSTANTS[name].value
    state |= dict.fromkeys(equations, 0.0)
    state |= {"exp": np.exp, "reciprocal": np.reciprocal, "dt": float(network.time_step)}
    return compile(statements, "one step", "exec"), state | {"current_scale": float(layer.current_scale)}


def method_options(network: Network, equations: Equations) -> dict | None:
    """Return the options of the integration method: the order of the equations."""
    return {"order": tuple(equations)} if network.method == "semi_implicit" else None


def mean_of_one(course: np.ndarray) -> np.ndarray:
    """Return time courses (steps, presentations) divided by their means over the steps; zero stays zero."""
    mean = course.mean(axis=0)
    return course / np.where(mean != 0, mean, 1.0)
