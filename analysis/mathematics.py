"""Brian2 equations and expressions as pictures of mathematics: SVG that needs no font."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brianff.equations import NeuronModel

__all__ = ["expression", "model_equations", "rendered"]


@cache
def rendered(formula: str) -> str:
    r"""Return a formula in TeX as an SVG element in the colour of the text around it.

    Parameters
    ----------
    formula : str
        What matplotlib's mathtext reads, such as ``\frac{dv}{dt} = -v``; other text is shown as it is.
    """
    from io import StringIO

    from matplotlib import rc_context
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    drawn = StringIO()
    try:
        with rc_context({"mathtext.fontset": "stix", "savefig.facecolor": "none", "savefig.edgecolor": "none"}):
            math_to_image(f"${formula}$", drawn, prop=FontProperties(size=16), format="svg")
    except ValueError:  # a reader is better served by the text than by nothing
        return f"<code>{escape(formula)}</code>"
    svg = re.sub(r"<metadata>.*?</metadata>", "", drawn.getvalue(), flags=re.DOTALL)
    label = f'<svg role="img" aria-label="{escape(formula)}" fill="currentColor" '
    return svg[svg.index("<svg") :].replace("<svg ", label, 1)


def model_equations(model: NeuronModel) -> list[str]:
    """Return the equations of a neuron model in TeX, differential equations first.

    The equation of a memristor's state x is written by the rates at which it turns on and off:
    dx/dt = (1 - x) (rate on) - x (rate off), where it is linear in x.
    """
    from sympy import latex

    subexpressions = {
        _read(one.varname): _read(one.expr.code) for one in model.variables.ordered if one.type == "subexpression"
    }
    written, used = [], {_read("activity"), _read("sensitivity")}
    for name, code in model.variables.diff_eq_expressions:
        right, state = _read(code.code), _read(name)
        if name in model.memristors:
            right = _by_rates(right.subs(subexpressions), state)
        used |= right.free_symbols
        written.append(rf"\frac{{d\,{latex(state)}}}{{dt}} = {latex(right)}")
    return written + [f"{latex(name)} = {latex(right)}" for name, right in subexpressions.items() if name in used]


def expression(text: str) -> str:
    """Return an expression that Brian2 reads in TeX."""
    from sympy import Float, latex

    read = _read(text)
    return latex(read.xreplace({number: Float(number, 3) for number in read.atoms(Float)}))


def _read(text: str) -> Any:
    """Return text as a sympy expression; functions of Brian2's by those that readers know."""
    from brian2.parsing.sympytools import str_to_sympy
    from sympy import Function, exp, log

    known = {"exponential": exp, "reciprocal": lambda one: 1 / one, "log1p": lambda one: log(1 + one)}
    read = str_to_sympy(text)
    for part in read.atoms(Function):
        if function := known.get(getattr(part.func, "__name__", "")):
            read = read.subs(part, function(*part.args))
    return read


def _by_rates(right: Any, state: Any) -> Any:
    """Return a right-hand side that is linear in a state by the rates towards 1 and towards 0."""
    from sympy import exp, expand, factor, factor_terms, powsimp, together

    if right.diff(state, 2) != 0:
        return right

    def duration(rate: Any) -> Any:  # of a sigmoidal rate: tau (1 + exp(...))
        written = powsimp(expand(1 / powsimp(factor(rate), deep=True)), deep=True)
        return factor_terms(written).replace(exp, lambda power: exp(together(power)))

    return (1 - state) / duration(right.subs(state, 0)) - state / duration(-right.subs(state, 1))
