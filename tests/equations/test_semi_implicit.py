"""The semi-implicit step against its formula."""

import brian2
import numpy as np
import pytest
from brian2 import Equations, StateUpdateMethod
from brian2.stateupdaters.base import UnsupportedEquationsException

from brianff.equations.semi_implicit import semi_implicit

VALUES = {"x": 0.3, "p": 1.7, "q": 0.4, "d": 2.5, "tau": 0.01, "dt": 0.001}


def step(right_side):
    equations = Equations(f"dx/dt = {right_side} : 1\np : 1\nq : 1\nd : 1\ntau : second")
    statements = StateUpdateMethod.apply_stateupdater(equations, {}, semi_implicit)
    state = VALUES | {"reciprocal": np.reciprocal}
    exec(statements, state)
    return state["x"], statements.count("reciprocal")


@pytest.mark.parametrize("divisor", ["", "*reciprocal(d)", "*reciprocal((1 + p)*(1 + q))"])
def test_a_common_divisor_joins_that_of_the_step(divisor):
    x, p, q, d, tau, dt = VALUES.values()
    divided_by = {"": 1.0, "*reciprocal(d)": d}.get(divisor, (1 + p) * (1 + q))
    linear, rest = -(p + q) / divided_by / tau, p / divided_by / tau
    found, divisions = step(f"((1 - x)*p - x*q){divisor}/tau")
    np.testing.assert_allclose(found, (x + dt * rest) / (1 - dt * linear), rtol=1e-14)
    assert divisions == 1


def test_a_divisor_of_one_term_alone_stays_where_it_is():
    x, p, q, d, tau, dt = VALUES.values()
    found, _ = step("(p*reciprocal(d) - x*q)/tau")
    np.testing.assert_allclose(found, (x + dt * p / d / tau) / (1 + dt * q / tau), rtol=1e-14)


@pytest.mark.parametrize("right_side", ["-x**2/tau", "-x*reciprocal(1 + x)/tau", "p*reciprocal(1 + x)/tau"])
def test_equations_that_are_not_linear_are_refused(right_side):
    with pytest.raises(UnsupportedEquationsException, match="linear in x"):
        step(right_side)


def test_brian2_knows_the_method_by_its_name():
    assert StateUpdateMethod.stateupdaters["semi_implicit"] is semi_implicit
    assert brian2.StateUpdateMethod is StateUpdateMethod
