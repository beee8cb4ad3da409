"""The functions that the equations use for division and for exponentials.

Cython checks every division for a zero divisor, and that check keeps the compiler from vectorising the loop over
neurons. Where a divisor differs between neurons, equations therefore multiply by `reciprocal`.

`exponential` is a polynomial in line: a call, even of a function for vectors, makes the compiler put all that a loop
holds in registers onto the stack and fetch it again, and how long that takes depends on where the stack happens to lie
beside the arrays (docs/results/performance.md).

Both functions exist in double and in single precision; the C++ compiler takes the one of its argument. `exponential`
holds its argument within a range in which the result can be represented, and in single precision its square too: a
Boltzmann factor would overflow at v = 88 k and its square at v = 44 k.
"""

from math import factorial

import numpy as np
from brian2 import Function

__all__ = [
    "FUNCTIONS",
    "LARGEST_EXPONENT",
    "LARGEST_EXPONENT_IN_SINGLE_PRECISION",
    "chosen",
    "exponential",
    "reciprocal",
]

LARGEST_EXPONENT = 708
LARGEST_EXPONENT_IN_SINGLE_PRECISION = 40


def _exponential(x):
    single = np.asarray(x).dtype == np.float32
    largest = LARGEST_EXPONENT_IN_SINGLE_PRECISION if single else LARGEST_EXPONENT
    return np.exp(np.clip(x, -largest, largest))


def _exponential_in_c(number: str, integer: str, fraction: int, bias: int, largest: int, degree: int) -> str:
    """Return the body of an exponential in C: exp(x) = 2^n exp(r) with n whole and |r| <= log(2) / 2.

    2^n is the `number` whose bits are those of the `integer` n + bias, moved up by the `fraction` bits of a number;
    exp(r) is its Taylor polynomial of a degree whose error is less than that of rounding.
    """
    terms = "".join(f" p = p*r + {number}({1 / factorial(power)!r});" for power in reversed(range(degree)))
    return f"""
    const {number} largest = {largest};
    x = std::fabs(x) > largest ? std::copysign(largest, x) : x;
    const {number} n = std::rint(x*{number}(1.4426950408889634)), r = x - n*{number}(0.6931471805599453);
    {number} p = {1 / factorial(degree)!r};{terms}
    const {integer} exponent = {integer}(int(n) + {bias}) << {fraction};
    {number} power;
    std::memcpy(&power, &exponent, sizeof power);
    return p*power;
"""


def _function(name: str, numpy_function, double: str, single: str, arguments: str = "number x") -> Function:
    """Return a Brian2 function of dimensionless arguments, in C for both precisions of its numbers."""
    kinds, names = zip(*(argument.split() for argument in arguments.split(", ")), strict=True)
    function = Function(
        numpy_function,
        arg_names=list(names),
        arg_units=[None if kind == "bool" else 1 for kind in kinds],
        arg_types=["boolean" if kind == "bool" else "float" for kind in kinds],
        return_unit=1,
    )
    headers = ["<cmath>", "<cstdint>", "<cstring>"]
    in_double, in_single = (arguments.replace("number", kind) for kind in ("double", "float"))
    code = f"""
static inline double {name}({in_double}) {{ {double} }}
static inline float {name}({in_single}) {{ {single} }}
"""
    includes = "\n".join(f"#include {header}" for header in headers)
    cython = f'''
cdef extern from *:
    """
{includes}
{code}
    """
    double {name}({in_double.replace("bool", "bint")}) nogil
    float {name}({in_single.replace("bool", "bint")}) nogil
'''
    function.implementations.add_implementation("numpy", numpy_function, name=name)
    function.implementations.add_implementation("cpp", code, name=name, compiler_kwds={"headers": headers})
    function.implementations.add_implementation("cython", cython, name=name)
    return function


reciprocal = _function("reciprocal", np.reciprocal, "return 1.0/x;", "return 1.0f/x;")
"""Reciprocal 1 / x of a dimensionless floating-point argument."""

exponential = _function(
    "exponential",
    _exponential,
    _exponential_in_c("double", "int64_t", 52, 1023, LARGEST_EXPONENT, 13),
    _exponential_in_c("float", "int32_t", 23, 127, LARGEST_EXPONENT_IN_SINGLE_PRECISION, 7),
)
"""Exponential of a dimensionless floating-point argument."""

_CHOSEN = "return condition ? yes : no;"
chosen = _function("chosen", np.where, _CHOSEN, _CHOSEN, "bool condition, number yes, number no")
"""One of two numbers, by a condition."""

FUNCTIONS = {"reciprocal": reciprocal, "exponential": exponential, "chosen": chosen}
"""Namespace to hand to a Brian2 group."""
