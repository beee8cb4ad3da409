"""Scalar functions that the equations use, each with an implementation that compilers can vectorise.

Cython checks every division for a zero divisor, and that check keeps the compiler from vectorising the loop over
neurons. The equations therefore divide only inside these functions.
"""

import numpy as np
from brian2 import Function
from scipy.special import expit

__all__ = ["FUNCTIONS", "logistic", "reciprocal"]


def _elementwise(name, python, c_expression, return_unit):
    """Make a Brian2 function of one argument `x` for the numpy, Cython and C++ targets."""
    function = Function(python, arg_names=["x"], arg_units=[None], return_unit=return_unit)
    c_code = f"static inline double {name}(double x) {{ return {c_expression}; }}"
    function.implementations.add_implementation("numpy", python, name=name)
    function.implementations.add_implementation("cpp", c_code, name=name)
    function.implementations.add_implementation(
        "cython",
        f'cdef extern from *:\n    """\n    #include <math.h>\n    {c_code}\n    """\n    double {name}(double x) nogil',
        name=name,
    )
    return function


logistic = _elementwise("logistic", expit, "1.0 / (1.0 + exp(-x))", 1)
"""Logistic function 1 / (1 + exp(-x)) of a dimensionless argument."""

reciprocal = _elementwise("reciprocal", np.reciprocal, "1.0 / x", 1)
"""Reciprocal 1 / x."""

FUNCTIONS = {"logistic": logistic, "reciprocal": reciprocal}
"""Namespace with every function of this module, to hand to a Brian2 group."""
