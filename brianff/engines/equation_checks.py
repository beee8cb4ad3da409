"""What is wrong with the equations of a layer, found before anything is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import brian2
from brian2 import DEFAULT_FUNCTIONS, DEFAULT_UNITS, Equations
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.stateupdaters.base import UnsupportedEquationsException
from brian2.utils.logger import catch_logs
from brian2.utils.stringtools import get_identifiers

from brianff.acceleration.compiled import generating
from brianff.acceleration.remembered import Remembered
from brianff.equations.composition import reserved_names
from brianff.equations.neuron import one_line
from brianff.equations.semi_implicit import unsolvable
from brianff.errors import ConfigurationError

if TYPE_CHECKING:
    from brianff.engines.population import Population

__all__ = ["check_equations"]

OF_THE_GROUP = {"i", "N", "xi", *(name for name, function in DEFAULT_FUNCTIONS.items() if not function.stateless)}
"""What Brian2 gives to equations and is not the same for a neuron wherever it is in a group: random numbers too."""

_RIGHT: Remembered[None] = Remembered()
"""Populations that Brian2 has nothing against, without their seeds."""


def check_equations(population: Population) -> None:
    """Raise a ConfigurationError if a name is brianff's own, time is named, or Brian2 finds something wrong."""
    neuron = population.neuron
    own = {*neuron.variables.names, *population.parameters}
    reserved = reserved_names(neuron, population.synapse, population.goodness.equations) | set(population.constants)
    reserved |= {*brian2.DEFAULT_CONSTANTS, *DEFAULT_FUNCTIONS, "t", "dt", "i", "N", "t_in_timesteps"}
    if population.credit != "held" and (neuron.acts_at_spikes or neuron.update or population.synapse.immediate):
        raise ConfigurationError(
            f"credit {population.credit!r} follows smooth equations, and spikes, limits or inputs make a "
            f"{neuron.name!r} neuron jump: use learning.credit = 'held'"
        )
    if population.window_steps is not None and population.goodness.readout == "final":
        raise ConfigurationError(
            f"goodness {population.goodness.name!r} reads the end of a presentation, and encoding.gap or window_steps "
            "measure it in windows: use a goodness of averages or peaks"
        )
    if population.gated and population.goodness.readout == "final":
        raise ConfigurationError(
            f"goodness {population.goodness.name!r} reads the end of a presentation; credit 'within-event' has ended "
            "by then for all events but the last: use learning.credit = 'memory' or 'held'"
        )
    if taken := own & (reserved | DEFAULT_UNITS.keys()):
        raise ConfigurationError(
            f"neuron {neuron.name!r} has names that are brianff's own, {', '.join(sorted(taken))}: rename them; "
            f"reserved are {', '.join(sorted(reserved))} and Brian2's units"
        )
    equations = population.equations(population.synapse.equations, "time_course = 1 : 1", events=population.events)
    events = f"{neuron.threshold}\n{neuron.reset}\n{neuron.refractory}\n{population.synapse.update}"
    events = "\n".join([events, population.synapse.gain, *neuron.initial.values()])
    named = equations.identifiers | get_identifiers(events)
    if not_one := {name for name in named if name in OF_THE_GROUP or name.startswith("xi_")}:
        raise ConfigurationError(
            f"neuron {neuron.name!r}, its synapse or its goodness names {', '.join(sorted(not_one))}: numbers of "
            "a group and random numbers depend on how many presentations an engine runs side by side; for neurons "
            "that differ use Layer.neuron_spread"
        )
    if named & {"t", "t_in_timesteps"}:
        raise ConfigurationError(
            f"neuron {neuron.name!r}, its synapse or its goodness names the time t, which engines count from "
            "different beginnings: give the neuron a variable for it, dclock/dt = 1 : second"
        )
    drawn = population.seed if population.layer.neuron_spread else None
    what = (
        population.network,
        population.layer,
        population.goodness,
        population.number,
        population.energy,
        population.precision,
        population.credit,
        drawn,
    )
    _RIGHT.get(what, lambda: _refuse_problems(population, equations))


def _refuse_problems(population: Population, equations: Equations) -> None:
    with generating(target="numpy"), catch_logs():  # the group that runs gives the same warnings
        if problem := _problem(population, equations):
            raise ConfigurationError(problem)


def _problem(population: Population, equations: Equations) -> str:
    """Return what Brian2 says against the equations; empty if nothing."""
    name, clock = population.neuron.name, brian2.Clock(population.network.time_step, name="checked_clock")
    try:
        group = population.group(population.layer.neurons, equations, True, "checked", clock, NumpyCodeObject)
        network = brian2.Network(group)
        if population.network.method == "exponential_euler" and unsolvable(equations):
            raise UnsupportedEquationsException  # Brian2 lets some of them pass
        group._network = network.id  # as `network.run` would, or Brian2 takes the group for a forgotten one
        for item in network.sorted_objects:
            item.before_run({})
    except UnsupportedEquationsException as error:
        reasons = [f"d{variable}/dt is not linear in {variable}" for variable in unsolvable(equations)]
        return (
            f"method {population.network.method!r} cannot integrate neuron {name!r}: "
            f"{', '.join(reasons) or one_line(error)}; use network.method = 'euler', 'rk4' or 'heun'"
        )
    except Exception as error:
        reason = one_line(error)
        hint = " It is no variable of the equations and no parameter of `presets`." * (
            "could not be resolved" in reason
        )
        return f"neuron {name!r} does not work in Brian2: {reason}{hint}"
    return ""
