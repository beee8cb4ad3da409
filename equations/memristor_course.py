"""What the memristors of a neuron do: controls in which they do not move, or move without being driven."""

import re
from collections.abc import Mapping
from dataclasses import replace

from brian2.utils.stringtools import word_substitute

from brianff.equations.neuron import NeuronModel

__all__ = ["COURSES", "with_courses"]

COURSES = ("moving", "frozen", "undriven")
"""`moving`: as the equations have it; `frozen`: held at the steady state of the undriven neuron; `undriven`: the states
follow their course under the membrane voltage of a neuron without input."""


def with_courses(neuron: NeuronModel, courses: Mapping[str, str], steady: bool = False) -> NeuronModel:
    """Return a neuron model whose memristors take other courses.

    Parameters
    ----------
    neuron : NeuronModel
    courses : mapping of str to str
        Course of each memristor's state, one of `COURSES`.
    steady : bool
        All states start in the steady state of the undriven neuron.

    Returns
    -------
    NeuronModel
        States that start in the steady state have `steady_<name>` as their initial value, a parameter still to be
        given: `brianff.engines.steady_state` computes it.
    """
    names = {course: [name for name, given in courses.items() if given == course] for course in COURSES}
    started = sorted(neuron.variables.diff_eq_names) if steady else names["frozen"]
    equations, initial = neuron.equations, dict(neuron.initial) | {name: f"steady_{name}" for name in started}
    rates = {name: expression.code for name, expression in neuron.variables.get_substituted_expressions()}
    for name in names["frozen"]:
        equations = re.sub(rf"\bd{name}/dt\s*=[^:]*:", f"{name} :", equations)
    for name in names["undriven"]:
        rate = word_substitute(rates[name], {"v": "undriven_v"})
        equations = re.sub(rf"\bd{name}/dt\s*=[^:]*:", f"d{name}/dt = {rate} :", equations)
    if names["undriven"]:
        # Next to the voltage, which is integrated with the same states: what comes later sees both at the same time.
        rate = word_substitute(rates["v"], {"v": "undriven_v", "I": "(0*amp)"})
        equations = re.sub(r"(\bdv/dt[^\n]*)", rf"\1\ndundriven_v/dt = {rate} : volt", equations)
        initial |= {"undriven_v": initial["v"]} if "v" in initial else {}
    return replace(neuron, equations=equations, initial=initial)
