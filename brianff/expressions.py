"""Expressions of one variable as Brian2 text, the same for all code-generation targets: checked and differentiated."""

import ast
from functools import cache

import numpy as np

from brianff.errors import ConfigurationError

__all__ = ["check", "derivative", "evaluate"]

_NUMPY = "abs arccos arcsin arctan ceil clip cos cosh exp expm1 floor log log10 log1p sign sin sinh sqrt tan tanh"
FUNCTIONS = {name: getattr(np, name) for name in _NUMPY.split()} | {
    "int": lambda value: np.trunc(np.asarray(value, float))
}
"""Functions that an expression may name; random ones have no derivative."""

CONSTANTS = {"pi": np.pi, "e": np.e, "inf": np.inf}

_OPERATORS = (ast.operator, ast.USub, ast.UAdd, ast.cmpop)
_GRAMMAR = (*_OPERATORS, ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare, ast.Constant, ast.Load)


def check(expression: str, variable: str) -> None:
    """Raise a ConfigurationError if an expression has more than a variable, numbers and known functions in it."""
    try:
        nodes = list(ast.walk(ast.parse(expression.strip(), mode="eval")))
    except (SyntaxError, ValueError) as error:
        raise ConfigurationError(f"{expression!r} is no expression of {variable}: {error}") from None
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    called = [call.func for call in calls]
    converted = [part for call in calls for part in call.args if ast.unparse(call.func) == "int"]
    for node in nodes:
        if isinstance(node, ast.Name):
            known = FUNCTIONS if node in called else {variable, *CONSTANTS}
            if node.id not in known:
                raise ConfigurationError(
                    f"{expression!r} names {node.id!r}; it may name {variable}, {', '.join([*CONSTANTS, *FUNCTIONS])}"
                )
        elif isinstance(node, ast.Compare) and (node not in converted or len(node.ops) > 1):
            raise ConfigurationError(f"{expression!r} compares: write int({variable} > 0), and products for 'and'")
        elif not isinstance(getattr(node, "value", 0), (int, float)) or not isinstance(node, _GRAMMAR):
            raise ConfigurationError(
                f"{expression!r} may have {variable}, numbers, operators and functions in it, no {ast.unparse(node)!r}"
            )


def evaluate(expression: str, variable: str, values: np.ndarray) -> np.ndarray:
    """Return a checked expression at values of its variable, an array of their shape."""
    names = {**FUNCTIONS, **CONSTANTS, variable: values}
    try:
        return np.broadcast_to(eval(expression.strip(), {"__builtins__": {}}, names), values.shape)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{expression!r} has no value: {error}") from None


def derivative(expression: str, variable: str) -> str:
    """Return the derivative of a checked expression as Brian2 text; steps (sign, int, floor) have the slope 0.

    Raises
    ------
    ConfigurationError
        If there is none that can be written with known functions.
    """
    from brian2.parsing.sympytools import sympy_to_str
    from sympy import DiracDelta, Symbol, sympify

    symbol = Symbol(variable, real=True)
    try:
        value = eval(expression.strip(), {"__builtins__": {}}, {**_symbolic(), variable: symbol})
        text = sympy_to_str(sympify(value).diff(symbol).replace(DiracDelta, lambda *argument: sympify(0)))
        check(text, variable)
    except Exception as error:
        hint = "a power is written **, not ^" if "^" in expression else "give slope"
        raise ConfigurationError(f"the derivative of {expression!r} cannot be found ({error}): {hint}") from None
    return text


@cache
def _symbolic() -> dict:
    """Return functions and constants as sympy has them."""
    import sympy
    from brian2.core.functions import DEFAULT_FUNCTIONS

    class Step(sympy.Function):
        def _eval_derivative(self, symbol):
            return sympy.S.Zero

    class int_(Step):  # Brian2 prints this name as int
        @classmethod
        def eval(cls, argument):
            return sympy.Integer(bool(argument)) if isinstance(argument, sympy.logic.boolalg.BooleanAtom) else None

    class clip(sympy.Function):
        def _eval_derivative(self, symbol):
            value, low, high = self.args
            return value.diff(symbol) * int_(value > low) * int_(value < high)

    own = {"int": int_, "clip": clip, "sqrt": sympy.sqrt, "floor": type("floor", (Step,), {}), "pi": sympy.pi}
    own |= {"ceil": type("ceil", (Step,), {}), "e": sympy.E, "inf": sympy.oo}
    return {name: own.get(name) or DEFAULT_FUNCTIONS[name].sympy_func for name in [*FUNCTIONS, *CONSTANTS]}
