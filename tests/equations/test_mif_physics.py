"""The MIF neuron against numbers from a stiff ODE solver (LSODA, rtol 1e-9), computed outside this project."""

import brian2
import numpy as np
import pytest
from brian2 import mV, pA, us
from scipy.optimize import brentq
from scipy.special import expit

from brianff.equations import MIF
from brianff.equations.functions import FUNCTIONS
from brianff.equations.semi_implicit import semi_implicit

EXPONENTIAL = "p*uA*exp(-t/(100*us))"


def resting_state():
    """Return the resting voltage (volt) and both memristors' states: dx/dt = 0 and no net current."""
    p = MIF.namespace()
    v_on, v_off, k, e1, e2 = (float(p[name]) for name in ("v_on", "v_off", "k", "E1", "E2"))

    def states(voltage):
        across = voltage - np.array([e1, e2])
        turn_on, turn_off = expit((across - v_on) / k), expit((v_off - across) / k)
        return turn_on / (turn_on + turn_off)

    def current(voltage):
        x = states(voltage)
        conductance = x / float(p["R_on"]) + (1 - x) / float(p["R_off"])
        return float(conductance @ (voltage - np.array([e1, e2])))

    voltage = brentq(current, e1, e2)
    return voltage, states(voltage)


def respond(current, values, duration, time_step, method=semi_implicit, name="mif"):
    """Return times (us), membrane voltages (mV) and states for `current`, an expression of t and of p in `values`."""
    namespace = {**FUNCTIONS, **MIF.namespace(), "unit_current": 0 * pA}
    equations = f"I = {current} : amp\np : 1 (constant)\n{MIF.equations}"
    clock = brian2.Clock(time_step, name=f"{name}_clock")
    neurons = brian2.NeuronGroup(len(values), equations, method=method, namespace=namespace, clock=clock, name=name)
    neurons.variables["p"].set_value(np.array(values, dtype=float))
    voltage, states = resting_state()
    for variable, value in zip(("v", "x1", "x2"), (voltage, *states), strict=True):
        neurons.variables[variable].set_value(value)
    monitor = brian2.StateMonitor(neurons, ["v", "x1", "x2"], record=True, name=f"{name}_monitor")
    brian2.Network(neurons, monitor).run(duration, namespace={})
    return monitor.t / us, monitor.v / mV, np.asarray(monitor.x1), np.asarray(monitor.x2)


def test_constant_current_settles_at_a_fixed_point():
    settled = {0: 18.31, 1: 30.2, 5: 41.5, 10: 47.0, 20: 53.3, 50: 66.1, 100: 94.0}
    _, voltage, _, _ = respond("p*uA", list(settled), 60_000 * us, 5 * us, name="constant_mif")
    assert voltage[:, -1] == pytest.approx(list(settled.values()), abs=0.07)
    assert np.ptp(voltage[:, -2000:], axis=1).max() < 0.1  # no tonic firing


def test_exponential_currents_give_the_reference_transients():
    times, voltages, states_1, states_2 = respond(EXPONENTIAL, [1, 3, 10, 20], 1500 * us, 0.05 * us)
    #                peak, time to peak, width at half maximum, undershoot, largest x1, largest x2
    reference = np.array(
        [
            (49.0, 10.4, 53.7, 17.2, 0.014, 0.000),
            (95.1, 6.1, 23.6, 14.5, 0.037, 0.001),
            (185.4, 3.1, 7.7, 11.2, 0.102, 0.028),
            (304.0, 2.8, 6.4, 9.7, 0.168, 0.068),
        ]
    )
    measured = []
    for voltage, x1, x2 in zip(voltages, states_1, states_2, strict=True):
        peak = voltage.argmax()
        above = times[voltage >= (voltage[peak] + voltage[0]) / 2]
        after = voltage[peak:].min()
        measured.append((voltage[peak], times[peak], above[-1] - above[0], after, x1[1:].max(), x2[1:].max()))
    peaks, latencies, widths, undershoots, largest_x1, largest_x2 = np.transpose(measured)
    assert peaks == pytest.approx(reference[:, 0], rel=0.01)
    assert latencies == pytest.approx(reference[:, 1], abs=0.2)
    assert widths == pytest.approx(reference[:, 2], rel=0.03)
    assert undershoots == pytest.approx(reference[:, 3], abs=0.2)
    assert largest_x1 == pytest.approx(reference[:, 4], abs=0.003)
    assert largest_x2 == pytest.approx(reference[:, 5], abs=0.003)


@pytest.mark.parametrize(("time_step", "peaks"), [(0.05, (95.2, 186.8, 307)), (1.0, (99.1, 215, 369))])
def test_exponential_euler_overshoots_by_the_known_amount(time_step, peaks):
    _, voltage, _, _ = respond(
        EXPONENTIAL, [3, 10, 20], 50 * us, time_step * us, "exponential_euler", "overshooting_mif"
    )
    assert voltage.max(axis=1) == pytest.approx(peaks, rel=0.005)


def test_semi_implicit_is_within_five_percent_at_one_microsecond():
    _, voltage, _, _ = respond(EXPONENTIAL, [3, 10, 20], 50 * us, 1 * us)
    assert voltage.max(axis=1) == pytest.approx([95.1, 185.4, 304.0], rel=0.05)


def test_repeated_pulses_adapt():
    """0.1 nC pulses with 4 us decay: the first peak is 273 mV; the 20th is the lower, the shorter the period."""
    last_peaks = {500: 253, 200: 201, 100: 165, 50: 138, 20: 108}
    current = "25*uA*exp(-(t % (p*us))/(4*us))"
    times, voltage, _, _ = respond(current, list(last_peaks), 10_000 * us, 0.05 * us, name="adapting_mif")
    for trace, (period, last_peak) in zip(voltage, last_peaks.items(), strict=True):
        assert trace[times < period].max() == pytest.approx(273, rel=0.02)
        twentieth = (times >= 19 * period) & (times < 20 * period)
        assert trace[twentieth].max() == pytest.approx(last_peak, rel=0.02)


def test_presets_cite_their_source():
    for preset in MIF.presets.values():
        assert all(parameter.source or preset.source for parameter in preset.parameters.values())
