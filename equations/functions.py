"""The functions that the equations use for division and for exponentials.

Cython checks every division for a zero divisor, and that check keeps the compiler from vectorising the loop over
neurons. Where a divisor differs between neurons, equations therefore multiply by `reciprocal`.

Both functions exist in double and in single precision; the C++ compiler takes the one of its argument. In single
precision `exponential` holds its argument within +-40, where it is 4e-18 or 2e17: a Boltzmann factor would overflow at
v = 88 k and its square at v = 44 k, and vector functions are slow there. (The limit is a factor: with a constant in
place of the argument, a compiler takes the exponential of the argument all the same, and chooses afterwards.)
"""

import numpy as np
from brian2 import Function

__all__ = ["FUNCTIONS", "LARGEST_EXPONENT_IN_SINGLE_PRECISION", "exponential", "reciprocal"]

LARGEST_EXPONENT_IN_SINGLE_PRECISION = 40


def _exponential(x):
    if np.asarray(x).dtype == np.float32:
        largest = np.float32(LARGEST_EXPONENT_IN_SINGLE_PRECISION)
        x = np.clip(x, -largest, largest)
    return np.exp(x)


def _function(name: str, numpy_function, double: str, single: str) -> Function:
    """Return a Brian2 function of a dimensionless floating-point argument x, in C for both precisions."""
    function = Function(numpy_function, arg_names=["x"], arg_units=[1], return_unit=1)
    code = f"""
#include <cmath>
static inline double {name}(double x) {{ {double} }}
static inline float {name}(float x) {{ {single} }}
"""
    cython = f'''
cdef extern from *:
    """
    {code}
    """
    double {name}(double x) nogil
    float {name}(float x) nogil
'''
    function.implementations.add_implementation("numpy", numpy_function, name=name)
    function.implementations.add_implementation("cpp", code, name=name)
    function.implementations.add_implementation("cython", cython, name=name)
    return function


reciprocal = _function("reciprocal", np.reciprocal, "return 1.0/x;", "return 1.0f/x;")
"""Reciprocal 1 / x of a dimensionless floating-point argument."""

exponential = _function(
    "exponential",
    _exponential,
    "return std::exp(x);",
    f"float size = std::fabs(x), largest = {LARGEST_EXPONENT_IN_SINGLE_PRECISION}; "
    "return std::exp(x*(size > largest ? largest/size : 1.0f));",
)
"""Exponential of a dimensionless floating-point argument."""

FUNCTIONS = {"reciprocal": reciprocal, "exponential": exponential}
"""Namespace to hand to a Brian2 group."""
