"""The functions of the equations, in generated code, against extended precision."""

import brian2
import numpy as np
import pytest

from brianff.acceleration.elementwise import Statements
from brianff.equations.functions import LARGEST_EXPONENT, LARGEST_EXPONENT_IN_SINGLE_PRECISION

in_both_precisions = pytest.mark.parametrize(
    ("dtype", "largest"), [(np.float64, LARGEST_EXPONENT), (np.float32, LARGEST_EXPONENT_IN_SINGLE_PRECISION)]
)


@pytest.fixture(params=["numpy", pytest.param("cython", marks=pytest.mark.slow)])
def exponential(request, numpy_target):
    """A function that evaluates `exponential` for an array in generated code."""
    brian2.prefs.codegen.target = request.param

    def evaluate(x):
        result = np.empty_like(x)
        Statements("y = exponential(x)", ("x", "y"), (), x.dtype)({"x": x, "y": result}, {})
        return result

    return evaluate


@in_both_precisions
def test_exponential_is_as_exact_as_its_argument(exponential, dtype, largest):
    rounding = np.finfo(dtype).eps
    for size in (0.3, 1.0, 7.0, 30.0, largest):
        x = np.random.default_rng(1).uniform(-size, size, 100_000).astype(dtype)
        exact = np.exp(x.astype(np.longdouble))
        assert np.abs(exponential(x) / exact - 1).max() < (2 + size / 4) * rounding  # numpy in single precision: 1.7


@in_both_precisions
def test_exponential_stays_within_its_range_and_passes_on_what_is_not_a_number(exponential, dtype, largest):
    x = np.array([np.nan, np.inf, -np.inf, 2 * largest, -2 * largest, 0, -np.nan], dtype)
    ends = np.exp(np.array([largest, -largest], dtype).astype(np.longdouble)).astype(dtype)
    result = exponential(np.tile(x, 9)).reshape(9, -1)
    for row in result:  # vectors and what is left of them
        np.testing.assert_array_equal(np.isnan(row), np.isnan(x))
        np.testing.assert_allclose(row[1:-1], [*ends, *ends, 1], rtol=1e-6 if dtype == np.float32 else 1e-13)
