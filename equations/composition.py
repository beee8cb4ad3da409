"""Putting a neuron, its synaptic current and the measurement of its goodness together into one set of equations."""

import re

from brian2 import Equations
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER

from brianff.equations.neuron import NeuronModel
from brianff.equations.synapse import FORMS, UNIT_CURRENT, SynapseModel

__all__ = ["compose", "presentation_start", "reserved_names", "state_variables"]


def compose(neuron: NeuronModel, current: str, measurement: str, time_course: str) -> Equations:
    """Return the equations of a population, in the order of integration.

    Parameters
    ----------
    neuron : NeuronModel
    current : str
        Equations of the synaptic current `I`: those of a SynapseModel, or SEPARABLE.
    measurement : str
        Equations of `goodness` and `postsynaptic`.
    time_course : str
        Equation of `time_course` (1), the shape in time of the current of a unit drive.
    """
    if "spike_activity" in measurement:
        measurement += f"spike_activity = {neuron.spike_activity} : 1\n"
    return Equations(current + UNIT_CURRENT + neuron.equations + measurement + time_course)


def reserved_names(neuron: NeuronModel, synapse: SynapseModel, measurement: str) -> set[str]:
    """Return the names of the variables that are put beside those of a neuron: it may not have them itself."""
    parts = (synapse.equations, synapse.common(synapse.equations), measurement, neuron.energy, *FORMS)
    return {"spike_activity"}.union(*(Equations(part).names for part in parts if part))


def state_variables(equations: Equations) -> tuple[str, ...]:
    """Return the names of the variables that a presentation changes and the next one must find at their start."""
    given_from_outside = ("drive", "time_course", "window", "winning_voltage")
    return tuple(
        name
        for name, equation in equations.items()
        if equation.type in (DIFFERENTIAL_EQUATION, PARAMETER)
        and re.sub(r"_\d+$", "", name) not in given_from_outside
        and "constant" not in equation.flags
    )


def presentation_start(neuron: NeuronModel, equations: Equations) -> str:
    """Return the statements that put every state variable to its value at the start of a presentation."""
    return "\n".join(
        f"{name} = {neuron.initial.get(name, f'0*{equations[name].unit!r}')}" for name in state_variables(equations)
    )
