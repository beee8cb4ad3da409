"""The steady state of a neuron without input, computed from its equations."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Equations, get_unit
from brian2.units.fundamentalunits import get_dimensions

from brianff.engines.expressions import evaluator
from brianff.equations import NeuronModel
from brianff.errors import ConfigurationError

__all__ = ["steady_state"]

STEPS = 100
"""Steps, each twice as long as the one before it."""


def steady_state(
    neuron: NeuronModel, parameters: Mapping[str, Any], spread: Mapping[str, np.ndarray], step: float
) -> dict[str, np.ndarray]:
    """Return the state variables (SI units) of a neuron that was left alone for ever, of each neuron where they differ.

    Linearly implicit Euler steps of growing length follow the way from the model's initial state, and end as Newton's
    method for the rates' common zero.

    Parameters
    ----------
    neuron : NeuronModel
    parameters : mapping of str to quantity
    spread : mapping of str to ndarray, shape (neurons,)
        Parameters that differ from neuron to neuron, in SI units.
    step : float
        First step, in seconds.

    Raises
    ------
    ConfigurationError
        If the neuron comes to no rest.
    """
    names = [name for name in neuron.variables if name in neuron.variables.diff_eq_names]
    units = {name: get_unit(get_dimensions(parameters[name])) for name in spread}
    declared = "".join(f"{name} : {unit!r} (constant)\n" for name, unit in units.items())
    equations = neuron.variables + Equations(f"I : amp\nunit_current : amp\n{declared}")
    rates = [evaluator(equations, name, {k: v for k, v in parameters.items() if k not in spread}) for name in names]
    neurons = max((len(values) for values in spread.values()), default=1)
    differing = dict(parameters) | {name: values * units[name] for name, values in spread.items()}
    fixed = {name: np.asarray(neuron.start(name, differing), float) for name in neuron.variables.parameter_names}
    fixed |= {"I": np.zeros(1), "unit_current": np.zeros(1), **spread}

    def slopes(state: np.ndarray) -> np.ndarray:
        values = fixed | dict(zip(names, state.T, strict=True))
        return np.stack([np.broadcast_to(rate(values.__getitem__), neurons) for rate in rates], axis=1)

    state = np.empty((neurons, len(names)))
    for column, name in enumerate(names):
        state[:, column] = np.asarray(neuron.start(name, differing), float)
    change = state
    with np.errstate(all="ignore"):
        for doubling in range(STEPS):
            shift = 1e-6 * np.abs(state) + 1e-9
            differences = [
                (slopes(state + shift * axis) - slopes(state - shift * axis)) / (2 * shift * axis).sum(1)[:, None]
                for axis in np.eye(len(names))
            ]
            inverse_step = np.eye(len(names)) / (step * 2.0**doubling)
            change = np.linalg.solve(inverse_step - np.stack(differences, axis=2), slopes(state)[..., None])[..., 0]
            state = state + change
    if not np.all(np.abs(change) <= 1e-9 * np.abs(state) + 1e-15):  # NaN is neither
        raise ConfigurationError(f"neuron {neuron.name!r} comes to no rest without input: use start = 'preset'")
    return dict(zip(names, state.T if spread else state[0], strict=True))
