"""Compiled statements against numpy."""

import brian2
import numpy as np
import pytest

from brianff.acceleration.elementwise import Statements


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("target", ["numpy", pytest.param("cython", marks=pytest.mark.slow)])
def test_statements_run_over_arrays_of_any_size(target, dtype, numpy_target):
    brian2.prefs.codegen.target = target
    statements = Statements(
        "moment += rate*(x - moment)\ny = moment**2", ("x", "moment", "y"), ("rate",), np.dtype(dtype)
    )
    generator = np.random.default_rng(1)
    for shape in ((3,), (5, 7), (1,)):
        x, moment = generator.random((2, *shape)).astype(dtype)
        before, y = moment.copy(), np.zeros(shape, dtype)
        statements({"x": x, "moment": moment, "y": y}, {"rate": 0.25})
        np.testing.assert_allclose(moment, before + 0.25 * (x - before), rtol=1e-6)
        np.testing.assert_allclose(y, moment**2, rtol=1e-6)
