"""Energies of the MIF neuron against a stiff ODE solver (LSODA, rtol 1e-9), computed outside this project."""

import brian2
import numpy as np
import pytest
from brian2 import pA, us
from scipy.optimize import brentq
from scipy.special import expit

from brianff.equations import LIF, MIF
from brianff.equations.functions import FUNCTIONS
from brianff.equations.semi_implicit import semi_implicit

AMPLITUDES = [0.0, 1.0, 3.0, 10.0, 20.0]
STEP = 0.05


@pytest.fixture(scope="module")
def energies():
    """Input energy, dissipated, delivered and stored energy (pJ) in 1.5 ms from rest under p uA exp(-t / 100 us)."""
    p = {name: float(value) for name, value in MIF.namespace().items()}

    def states(voltage):
        across = voltage - np.array([p["E1"], p["E2"]])
        on, off = expit((across - p["v_on"]) / p["k"]), expit((p["v_off"] - across) / p["k"])
        return on / (on + off)

    def net_current(voltage):
        x = states(voltage)
        return float((x / p["R_on"] + (1 - x) / p["R_off"]) @ (voltage - np.array([p["E1"], p["E2"]])))

    rest = brentq(net_current, p["E1"], p["E2"])
    equations = (
        f"I = p*uA*exp(-t/(100*us)) : amp\np : 1 (constant)\n{MIF.equations}\n{MIF.energy}\ndinput/dt = I*v : joule"
    )
    namespace = {**FUNCTIONS, **MIF.namespace(), "unit_current": 0 * pA}
    clock = brian2.Clock(STEP * us, name="energy_clock")
    order = ("v", "sensitivity", "x1", "x2", "dissipated", "delivered", "input")
    group = brian2.NeuronGroup(
        len(AMPLITUDES),
        equations,
        method=semi_implicit,
        method_options={"order": order},
        namespace=namespace,
        clock=clock,
        name="energy_mif",
    )
    group.variables["p"].set_value(np.array(AMPLITUDES))
    for name, value in zip(("v", "x1", "x2"), (rest, *states(rest)), strict=True):
        group.variables[name].set_value(value)
    brian2.Network(group).run(1500 * us, namespace={})
    values = {name: 1e12 * np.asarray(getattr(group, name)) for name in ("input", "dissipated", "delivered")}
    values["stored"] = 1e12 * eval(MIF.stored_energy, {}, p | {"v": np.asarray(group.v)}) - 1e12 * p["C"] * rest**2 / 2
    return values


def test_heat_of_exponential_pulses_is_that_of_the_reference(energies):
    assert energies["input"][1:] == pytest.approx([3.15, 12.2, 53.0, 136], rel=0.02)
    assert energies["dissipated"][1:] == pytest.approx([26.3, 35.5, 77.5, 158], rel=0.01)


def test_rest_costs_sixteen_nanowatt(energies):
    assert energies["dissipated"][0] / 1.5e-3 == pytest.approx(15.98e3, rel=1e-3)  # pW


def test_energy_is_conserved(energies):
    used = energies["dissipated"] + energies["stored"]
    np.testing.assert_allclose(energies["delivered"], used, rtol=0.01)


def test_a_model_without_power_has_no_energy_equations():
    assert LIF.energy == ""
