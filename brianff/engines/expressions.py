"""Evaluating the subexpressions of a group's equations on its state, without Brian2's code generation."""

from collections.abc import Callable, Mapping
from typing import Any

import brian2
import numpy as np
from brian2 import Equations
from brian2.utils.stringtools import get_identifiers

from brianff import expressions
from brianff.equations.functions import FUNCTIONS

__all__ = ["evaluator"]

_FUNCTIONS = {
    **expressions.FUNCTIONS,
    "int": np.asarray,
    "inf": np.inf,
    **{name: function.pyfunc for name, function in FUNCTIONS.items()},
}


def evaluator(
    equations: Equations, name: str, namespace: Mapping[str, Any]
) -> Callable[[Callable[[str], np.ndarray]], np.ndarray]:
    """Return a function that evaluates a subexpression or another expression of a group's variables.

    Parameters
    ----------
    equations : Equations
    name : str
        A subexpression of the equations, or an expression of state variables and parameters.
    namespace : mapping
        Parameters that the equations name.

    Returns
    -------
    callable
        Called with a function that gives each state variable as an array without units; returns an array or number
        in SI units.
    """
    expressions = dict(equations.get_substituted_expressions(include_subexpressions=True))
    code = expressions[name].code if name in expressions else name
    constants, states = dict(_FUNCTIONS), []
    for identifier in get_identifiers(code) - set(_FUNCTIONS):
        if identifier in equations and identifier not in namespace:
            states.append(identifier)
        else:
            value = namespace[identifier] if identifier in namespace else getattr(brian2, identifier)
            constants[identifier] = float(value)
    compiled = compile(code, f"expression {name}", "eval")
    return lambda read: eval(compiled, constants, {state: read(state) for state in states})
