"""Several input events in one presentation: the postsynaptic factor of each, and the sensitivities that give it.

Event k is a pulse of all input units at its own time; with d_k the weighted sum of its amplitudes, the current is the
sum of d_k x unit_current_k. The postsynaptic factor of event k is the derivative of the goodness with respect to d_k.
How much of it a neuron knows is its `credit`:

held
    The sensitivity of the neuron model itself, driven by the unit current of event k alone. MIF holds its conductances.
memory
    The sensitivities s of all states y to d_k are carried forward beside them, with f the neuron's own equations::

        ds_y/dt = sum over states z of (df_y/dz) s_z + (df_y/dI) unit_current_k

    so that an event which moves a memristor is credited for what that changes in the responses to later events. It is
    the eligibility that e-prop gives to an adapting neuron (Bellec et al., Nature Communications 11:3625 (2020)) with
    the memristor in the place of the adapting threshold.
within-event
    The same, but only until the next event comes: effects on the responses to later events are left out.

Each sensitivity is integrated right behind its state. Semi-implicit and explicit Euler steps then advance the
derivative of the equations to the derivative of the step: the factor is that of the discrete simulation. With
`exponential_euler` and Runge-Kutta steps it is that of the equations, up to terms of the time step.
"""

import re

import sympy
from brian2 import Equations
from brian2.equations.equations import DIFFERENTIAL_EQUATION, SingleEquation
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from brian2.utils.stringtools import get_identifiers, word_substitute

__all__ = ["CREDITS", "event_names", "update_with_events", "with_credit", "with_events"]

CREDITS = ("held", "within-event", "memory")
"""How much of what an event does its postsynaptic factor holds."""

_GIVEN = ("time_course", "window", "given_time_course", "given_window")
_MEASURED = (
    "above_threshold",
    "peak_sensitivity",
    *(f"peak{which}" for which in ("", "_new", "_first", "_window", "_place")),
)
_OF_EVENTS = re.compile(
    rf"(d|)({'|'.join(_GIVEN)}|drive|unit_current|postsynaptic|tangent_\w+|(peak_|last_|earlier_|)sensitivity(_\d+)?)"
)


def event_names(name: str, events: int) -> list[str]:
    """Return the names of a variable that each of several events has of its own; that of a single event is as it is."""
    return [name] if events == 1 else [f"{name}_{number}" for number in range(1, events + 1)]


def with_events(equations: Equations, events: int) -> Equations:
    """Return the equations of a population under several events, from those under a single one.

    What an event has of its own is there for each of them; what reads such variables otherwise is a sum over the
    events: the current, and a goodness of the peak in each event's window.
    """
    if events == 1:
        return equations
    return _multiplied(_multiplied(equations, events, re.compile(rf"(d|)({'|'.join(_MEASURED)})")), events, _OF_EVENTS)


def update_with_events(update: str, events: int) -> str:
    """Return statements for each step under several events, from those under a single one; peaks are per window."""
    if events == 1:
        return update
    lines = word_substitute(update, {"activity": "(activity*window)"}).splitlines()
    for numbered, needed in ((re.compile("|".join((*_MEASURED, "window"))), "peak"), (_OF_EVENTS, "sensitivity")):
        lines = [one for line in lines for one in (_numbered(line, numbered, events) if needed in line else [line])]
    return "\n".join(lines)


def _numbered(text: str, names: re.Pattern, events: int) -> list[str]:
    """Return a text with the numbers of the events behind the names that a pattern matches."""
    own = [word for word in get_identifiers(text) if names.fullmatch(word)]
    return [word_substitute(text, {word: f"{word}_{event}" for word in own}) for event in range(1, events + 1)]


def _multiplied(equations: Equations, events: int, names: re.Pattern) -> Equations:
    lines = []
    for name, equation in equations.items():
        if names.fullmatch(name):
            lines += _numbered(_line(equation), names, events)
        elif equation.expr is not None and any(map(names.fullmatch, get_identifiers(equation.expr.code))):
            summands = _numbered(equation.expr.code, names, events)
            lines.append(_line(equation, " + ".join(f"({summand})" for summand in summands)))
        else:
            lines.append(_line(equation))
    return Equations("\n".join(lines))


def with_credit(equations: Equations, gated: bool = False) -> Equations:
    """Return the equations of a population with the sensitivities of all states, each right behind its own.

    Parameters
    ----------
    equations : Equations
        What `compose` returned, under a single event.
    gated : bool
        Whether the variable `window` ends the sensitivity of an event when the next one comes.

    Raises
    ------
    ValueError
        If the current does not reach the activity by differential equations that can be differentiated.
    """
    tangents, gate, lines = _Tangents(equations), "window*" if gated else "", []
    for name, equation in equations.items():
        if name == "sensitivity":
            lines.append(f"sensitivity = {gate}({tangents.text('activity')}) : 1")
            continue
        lines.append(_line(equation))
        if name in tangents.reached:
            lines.append(f"dtangent_{name}/dt = {tangents.text(name)} : {_unit(equation)}")
    return Equations("\n".join(lines))


def _unit(equation: SingleEquation) -> str:
    return "1" if equation.dim.is_dimensionless else repr(equation.unit)


def _line(equation: SingleEquation, expression: str | None = None) -> str:
    """Return an equation as text, with another expression if one is given."""
    left = f"d{equation.varname}/dt" if equation.type == DIFFERENTIAL_EQUATION else equation.varname
    expression = expression or (equation.expr.code if equation.expr is not None else None)
    flags = f" ({', '.join(equation.flags)})" if equation.flags else ""
    return f"{left}{'' if expression is None else f' = {expression}'} : {_unit(equation)}{flags}"


class exponential(sympy.Function):
    """The function of that name, with its derivative."""

    def fdiff(self, argindex=1):
        return self


class reciprocal(sympy.Function):
    """The function of that name, with its derivative."""

    def fdiff(self, argindex=1):
        return -(self**2)


_KNOWN = {sympy.Function(kind.__name__): kind for kind in (exponential, reciprocal)}


class _Tangents:
    """Derivatives of equations along the sensitivities of the states that the current reaches."""

    def __init__(self, equations: Equations):
        self._expressions = {}
        for name, equation in equations.items():
            if equation.expr is not None and name not in (
                "I",
                "sensitivity",
                "peak_sensitivity",
                "postsynaptic",
                "goodness",
            ):
                expression = str_to_sympy(equation.expr.code)
                for unknown, known in _KNOWN.items():
                    expression = expression.replace(unknown, known)
                self._expressions[name] = expression
        self._rates = {name for name in self._expressions if name in equations.diff_eq_names}
        self.reached: set[str] = set()
        while new := {name for name in self._rates if self._along(name) != 0} - self.reached:
            self.reached |= new
        if not self.reached or self._along("activity") == 0:
            raise ValueError("the current I does not reach the activity by differential equations")

    def text(self, name: str) -> str:
        """Return the derivative of the right-hand side of an equation, under a unit drive."""
        try:
            return sympy_to_str(self._along(name))
        except Exception as error:
            raise ValueError(f"the equation of {name} cannot be differentiated ({error})") from None

    def _along(self, name: str) -> sympy.Expr:
        """Return the derivative of a right-hand side along the sensitivities, subexpressions by the chain rule."""
        expression, total = self._expressions[name], sympy.Integer(0)
        for symbol in sorted(expression.free_symbols, key=str):
            slope = expression.diff(symbol)
            if str(symbol) == "I":
                total += slope * sympy.Symbol("unit_current", real=True)
            elif str(symbol) in self.reached:
                total += slope * sympy.Symbol(f"tangent_{symbol}", real=True)
            elif str(symbol) in self._expressions and str(symbol) not in self._rates:
                total += slope * self._along(str(symbol))
        return total.subs(expression, sympy.Symbol(name, real=True)) if name not in self._rates else total
