"""Goodness of the peak, and spikes counted as crossings: on both engines, and against scipy's integration."""

import brian2
import numpy as np
import pytest
from brian2 import uA, us
from cases import first_fast
from scipy.integrate import solve_ivp
from scipy.special import expit
from small_networks import assert_same, make_network, make_pulses, make_weights

from brianff import Goodness, Layer, PulseEncoding
from brianff.engines import LanesEngine, ReferenceEngine
from brianff.inputs import PulseInput
from brianff.protocols.goodness import GOODNESS, SoftSpikes

SPIKES = GOODNESS["spikes"]


METHODS = [("semi_implicit", "numpy"), ("semi_implicit", "default"), ("exponential_euler", "numpy"), ("rk4", "default")]


@pytest.mark.parametrize(
    ("name", "method", "target"),
    first_fast([(name, *form) for form in METHODS for name in ("spikes", "spike-count")], fast=2),
)
def test_engines_agree(name, method, target):
    network, generator = make_network("mif", 2), np.random.default_rng(5)
    layers = [layer.replace(preset="switching", current_scale=96 * uA) for layer in network.layers]
    network = network.replace(layers=layers, method=method, time_step=(0.1 if method == "rk4" else 1) * us)
    weights, inputs = make_weights(network, generator), make_pulses(generator, 2)
    before = brian2.prefs.codegen.target
    try:
        brian2.prefs.codegen.target = "numpy"
        reference = ReferenceEngine(network, GOODNESS[name]).present(inputs, weights)
        brian2.prefs.codegen.target = before if target == "default" else "numpy"
        engine = LanesEngine(network, GOODNESS[name])
        lanes = engine.present(inputs, weights, spikes=True)
        inside = engine.present(inputs, weights)
        goodness_only = engine.present(inputs, weights, goodness_only=True)
    finally:
        brian2.prefs.codegen.target = before
    if name == "spikes" and method != "rk4":
        assert_same(lanes, reference)
    for one, other, only, ordinary in zip(lanes, inside, goodness_only, reference, strict=True):
        np.testing.assert_allclose(only.goodness_terms, other.goodness_terms, rtol=1e-9, atol=1e-12)
        measured, expected = (result.measured(GOODNESS[name]) for result in (other, ordinary))
        np.testing.assert_allclose(measured, expected, rtol=1e-6, atol=1e-9)
        if name == "spike-count":
            np.testing.assert_array_equal(measured[0], one.raster.sum(axis=0))


def peak(drive, frozen):
    """Return the peak (mV) after an alpha pulse of 4 us, by Radau, from the published equations in mV, us, mS."""
    at_rest = [0.007523200717926608, 8.586301119076233e-05]

    def rates(time, state):
        v, *x = state
        current = 48 * drive * time / 4 * np.exp(-time / 4)
        conductance = [share + (1 - share) / 100 for share in x]
        dv = (current - conductance[0] * v - conductance[1] * (v - 50)) / 0.1
        across = v, v - 50
        dx = [
            ((1 - share) * expit((u - 110) / 15) - share * expit((5 - u) / 15)) / 100
            for share, u in zip(x, across, strict=True)
        ]
        return [dv, *(0 * np.array(dx) if frozen else dx)]

    turning = lambda time, state: rates(time, state)[0]  # noqa: E731
    turning.direction = -1
    start = [18.31441222755712, *at_rest]
    found = solve_ivp(rates, (0, 40), start, "Radau", rtol=1e-11, atol=1e-13, events=turning)
    return max(state[0] for state in found.y_events[0])


def simulated(drives, goodness, **form):
    layer = Layer(neurons=len(drives), start="steady", preset="switching", current_scale=48 * uA, **form)
    network = make_network("mif", 1).replace(
        layers=(layer,), time_step=0.01 * us, encoding=PulseEncoding(steps=4_000), pixels=1, classes=2
    )
    inputs = PulseInput(np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1, int), np.zeros(1, int), 4_000, (0,))
    (result,) = LanesEngine(network, goodness).present(inputs, [np.array([drives])])
    return result.goodness_terms[0], result.postsynaptic[0]


DRIVES = [0.17, 0.2, 0.3, 1.0]


@pytest.mark.parametrize("frozen", first_fast([True, False]))
def test_the_peak_is_that_of_scipy(frozen, numpy_target):
    form = {"memristors": "frozen" if frozen else "moving"}
    peaks, _ = simulated(DRIVES, Goodness("peak", "activity", readout="peak"), **form)
    np.testing.assert_allclose(peaks + 110, [peak(drive, frozen) for drive in DRIVES], rtol=4e-3)


@pytest.mark.slow
def test_the_factor_is_the_slope_of_the_soft_threshold_at_the_peak(numpy_target):
    terms, factors = simulated(DRIVES, SoftSpikes(width=12.0), memristors="frozen")
    step = 1e-4
    soft = [[expit((peak(drive + shift, True) - 110) / 12) for shift in (-step, 0, step)] for drive in DRIVES]
    assert 0.1 < soft[0][1] < 0.9
    below, at, above = np.transpose(soft)
    np.testing.assert_allclose(terms, at, rtol=2e-2)
    np.testing.assert_allclose(factors, (above - below) / (2 * step), rtol=6e-2, atol=1e-9)
    assert np.ptp(terms) > 0.5


def test_neurons_that_stay_below_zero_have_no_peak(numpy_target):
    terms, factors = simulated([-2.0], SPIKES)  # starts at rest, above zero, and leaves it
    assert factors[0] == 0
    assert terms[0] == pytest.approx(expit((18.3144 - 110) / 15), rel=5e-3)


@pytest.mark.slow
def test_a_spread_threshold_is_each_neurons_own(numpy_target):
    from brianff.engines.population import populations

    alike, _ = simulated([0.6] * 6, SPIKES)
    layer = Layer(neurons=6, preset="switching", neuron_spread={"v_spike": 0.2})
    (population,) = populations(make_network("mif", 1).replace(layers=(layer,)), SPIKES, 0)
    differ, _ = simulated([0.6] * 6, SPIKES, neuron_spread={"v_spike": 0.2})
    height = 110 + 15 * np.log(alike / (1 - alike))
    np.testing.assert_allclose(differ, expit((height - 1e3 * population.spread["v_spike"]) / 15), rtol=1e-6)


def test_the_width_is_a_parameter_that_files_keep():
    narrow = GOODNESS.find({"name": "spikes", "width": 8.0})
    assert GOODNESS.describe(narrow) == {"name": "spikes", "width": 8.0}
    assert GOODNESS.find(GOODNESS.describe(narrow)) == narrow
    assert GOODNESS.describe(SPIKES) == "spikes"
    assert "peak above the spike threshold" in narrow.formula
