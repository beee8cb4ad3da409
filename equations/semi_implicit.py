"""Semi-implicit Euler integration, the form in which the discrete-time memristive neuron was published.

The equations are advanced one after the other, in the order of the method option `order` (a Brian2 group forgets the
order in which equations were written; without the option it is the alphabetical one). Each is implicit in its own
variable, in which it must be linear, and takes the new values of the variables before it in the order and the old
values of those behind it::

    dx/dt = a x + b    ->    x <- (x + dt b) / (1 - dt a)

It is stable at any time step for decaying equations (a <= 0) and, unlike Brian2's `exponential_euler`, needs no
exponential for it. A denominator d of a and b, written as `reciprocal(d)`, joins that of the step: divisions are what
takes longest::

    dx/dt = (a x + b) / d    ->    x <- (d x + dt b) / (d - dt a)
"""

import sympy
from brian2 import Equations, StateUpdateMethod
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from brian2.stateupdaters.base import UnsupportedEquationsException, extract_method_options

__all__ = ["METHODS", "WithUpdate", "semi_implicit", "unsolvable"]

reciprocal = sympy.Function("reciprocal")


class SemiImplicitStateUpdater(StateUpdateMethod):
    """State updater of the module's formula; registered with Brian2 under the name "semi_implicit"."""

    def __call__(self, equations, variables=None, method_options=None):
        order = extract_method_options(method_options, {"order": None})["order"] or sorted(equations.diff_eq_names)
        if equations.is_stochastic:
            raise UnsupportedEquationsException("Cannot solve stochastic equations with semi_implicit.")
        expressions = dict(equations.get_substituted_expressions(variables))
        return "\n".join(
            self._update(name, str_to_sympy(expressions[name].code, variables))
            for name in order
            if name in equations.diff_eq_names
        )

    @staticmethod
    def _update(name, expression):
        symbol = sympy.Symbol(name, real=True)
        divisor = _common_divisor(expression)
        expression = expression.subs(reciprocal(divisor), 1)
        linear = sympy.diff(expression, symbol)
        if linear.has(symbol) or divisor.has(symbol):
            raise UnsupportedEquationsException(f"semi_implicit needs d{name}/dt to be linear in {name}.")
        rest = expression.subs(symbol, 0)
        old = name if divisor == 1 else f"({sympy_to_str(divisor)})*{name}"
        numerator = old if rest == 0 else f"({old} + dt*({sympy_to_str(rest)}))"
        if linear == 0 and divisor == 1:
            return f"{name} = {numerator}"
        return f"{name} = {numerator}*reciprocal({sympy_to_str(divisor)} - dt*({sympy_to_str(linear)}))"


def _common_divisor(expression: sympy.Expr) -> sympy.Expr:
    """Return d where the expression is a product with `reciprocal(d)`, otherwise 1."""
    reciprocals = [factor for factor in sympy.Mul.make_args(expression) if factor.func == reciprocal]
    return reciprocals[0].args[0] if len(reciprocals) == 1 else sympy.Integer(1)


def unsolvable(equations: Equations) -> list[str]:
    """Return the variables whose equations are not linear in them, so that no implicit step can be made."""
    names = []
    for name, expression in equations.get_substituted_expressions():
        try:
            SemiImplicitStateUpdater._update(name, str_to_sympy(expression.code))
        except UnsupportedEquationsException:
            names.append(name)
    return names


class WithUpdate(StateUpdateMethod):
    """A state updater with statements of one's own in each step.

    Parameters
    ----------
    method : StateUpdateMethod
    corrections : sequence of str
        Statements carried out as soon as all variables that they assign have their new values.
    statements : sequence of str
        Statements carried out at the end.
    """

    def __init__(self, method, corrections, statements):
        self.method, self.corrections, self.statements = method, corrections, statements

    def __call__(self, equations, variables=None, method_options=None):
        lines = self.method(equations, variables, method_options).splitlines()
        corrected = {_target(line) for line in self.corrections}
        place = max((number for number, line in enumerate(lines, 1) if _target(line) in corrected), default=0)
        return "\n".join([*lines[:place], *self.corrections, *lines[place:], *self.statements])


def _target(statement: str) -> str:
    return statement.partition(" = ")[0].strip()


semi_implicit = SemiImplicitStateUpdater()
StateUpdateMethod.register("semi_implicit", semi_implicit)

_NAMES = ("semi_implicit", "exponential_euler", "euler", "rk2", "rk4", "heun", "milstein")
METHODS = {name: StateUpdateMethod.stateupdaters[name] for name in _NAMES}
"""Integration methods by name; the first two need equations that are linear in their own variable."""
