"""The function that the equations use for division.

Cython checks every division for a zero divisor, and that check keeps the compiler from vectorising the loop over
neurons. Where a divisor differs between neurons, equations therefore multiply by `reciprocal`.
"""

import numpy as np
from brian2 import Function

__all__ = ["FUNCTIONS", "reciprocal"]

_C_CODE = "static inline double reciprocal(double x) { return 1.0 / x; }"
_CYTHON_CODE = f'''
cdef extern from *:
    """
    {_C_CODE}
    """
    double reciprocal(double x) nogil
'''

reciprocal = Function(np.reciprocal, arg_names=["x"], arg_units=[1], return_unit=1)
"""Reciprocal 1 / x of a dimensionless floating-point argument."""

reciprocal.implementations.add_implementation("numpy", np.reciprocal, name="reciprocal")
reciprocal.implementations.add_implementation("cpp", _C_CODE, name="reciprocal")
reciprocal.implementations.add_implementation("cython", _CYTHON_CODE, name="reciprocal")

FUNCTIONS = {"reciprocal": reciprocal}
"""Namespace to hand to a Brian2 group."""
