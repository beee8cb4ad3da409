"""Brian2 equations as LaTeX, by sympy, from the text that is simulated: what is shown cannot drift from what runs."""

import re

import sympy
from brian2 import Equations
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER
from brian2.parsing.sympytools import str_to_sympy
from brian2.units.fundamentalunits import DIMENSIONLESS

SYMBOLS = {
    "boltzmann": "q",
    "sensitivity": "s",
    "activity": "z",
    "trace": r"z_\mathrm{trace}",
    "unit_current": r"I_\mathrm{unit}",
    "current_scale": r"I_\mathrm{scale}",
    "I_rise": r"I_\mathrm{rise}",
    "time_course": r"c(t)",
    "dt": r"\Delta t",
}
"""Symbols of names that are words in the code."""

GREEK = {"tau", "theta", "eta", "gamma", "Delta"}
UNITS = {"mV", "second", "volt", "amp", "ms", "us", "nA", "uA"}

_FUNCTIONS = {
    "exponential": sympy.exp,
    "reciprocal": lambda x: 1 / x,
    "chosen": lambda condition, yes, no: sympy.Piecewise((yes, condition), (no, True)),
}


def symbol(name: str) -> str:
    """Return a name as LaTeX: its first part, with what follows an underscore or a digit as a subscript."""
    if name in SYMBOLS:
        return SYMBOLS[name]
    base, _, below = re.sub(r"(?<=[A-Za-z])(?=\d+$)", "_", name, count=1).partition("_")
    base = rf"\{base}" if base in GREEK else base if len(base) == 1 else rf"\mathrm{{{base}}}"
    below = below if below.isdigit() else rf"\mathrm{{{below.replace('_', ' ')}}}"
    return f"{base}_{{{below}}}" if below != r"\mathrm{}" else base


def expression(code: str) -> sympy.Expr:
    """Return a Brian2 expression as sympy's, with the package's own functions replaced by what they are."""
    found = str_to_sympy(code)
    for name, meaning in _FUNCTIONS.items():
        found = found.replace(
            lambda one, name=name: getattr(one.func, "__name__", "") == name,
            lambda one, meaning=meaning: meaning(*one.args),
        )
    return found


def latex(code: str) -> str:
    """Return a Brian2 expression as LaTeX."""
    found = expression(code)
    names = {one: rf"\mathrm{{{one.name}}}" if one.name in UNITS else symbol(one.name) for one in found.free_symbols}
    return sympy.latex(found, symbol_names=names, ln_notation=True)


def equations(text: str | Equations) -> list[tuple[str, str]]:
    """Return LaTeX and unit of each equation of Brian2 text, in its order; parameters have no equation."""
    rows = []
    for name, one in Equations(text).items() if isinstance(text, str) else text.items():
        unit = "1" if one.dim is DIMENSIONLESS else repr(one.unit)
        if one.type == PARAMETER:
            continue
        left = rf"\frac{{d {symbol(name)}}}{{dt}}" if one.type == DIFFERENTIAL_EQUATION else symbol(name)
        rows.append((f"{left} = {latex(one.expr.code)}", unit))
    return rows


def same(first: str, second: str, points: int = 20) -> bool:
    """Return whether two Brian2 expressions agree at random positive values of all their names."""
    import numpy as np

    both = [expression(one) for one in (first, second)]
    names = sorted(set().union(*(one.free_symbols for one in both)), key=str)
    values = np.random.default_rng(0).uniform(0.1, 2, (points, len(names)))
    one, other = (np.array([sympy.lambdify(names, each)(*row) for row in values]) for each in both)
    return bool(np.allclose(one, other, rtol=1e-9))
