"""The clipped MIF neuron, whose voltage the public code keeps within [0, 1000] mV, against plain Python."""

import itertools

import brian2
import numpy as np
import pytest
from brian2 import uA, us
from cases import first_fast
from small_networks import assert_same, make_network, make_pulses, make_weights

from brianff import Goodness, Layer, PulseEncoding
from brianff.engines import LanesEngine, ReferenceEngine
from brianff.inputs import PulseInput

X = 0.007523200717926608, 8.586301119076233e-05
STEPS = 20


def published(drive, clipped=True):
    """Return the mean square voltage (mV^2) over the steps of 1 us after an alpha pulse, with the memristors held."""
    conductance = [x + (1 - x) / 100 for x in X]  # mS
    v = rise = current = total = 0.0
    for step in range(STEPS):
        rise = rise / (1 + 0.25)  # semi-implicit, time constant 4 us
        current = (current + 0.25 * rise) / (1 + 0.25)
        v = (v + (current + 50 * conductance[1]) / 0.1) / (1 + sum(conductance) / 0.1)
        v = min(max(v, 0.0), 1000.0) if clipped else v
        total += v**2 / STEPS
        rise += 60 * drive * (step == 0)
    return total


def simulated(drives, neuron, engine=LanesEngine, **options):
    layer = Layer(neurons=len(drives), neuron=neuron, memristors="frozen", current_scale=60 * uA)
    network = make_network("mif", 1).replace(
        layers=(layer,), time_step=1 * us, encoding=PulseEncoding(steps=STEPS), pixels=1, classes=2
    )
    one, none = np.ones((1, 1)), np.zeros(1, int)
    inputs = PulseInput(one, 0 * one, none, none, STEPS, (0,))
    (result,) = engine(network, Goodness(), **options).present(inputs, [np.array([drives])])
    return result.goodness_terms[0], result.postsynaptic[0]


DRIVES = [-3.0, -0.4, 0.2, 1.0, 6.0]


def test_voltages_and_factors_are_those_of_the_published_form(numpy_target):
    terms, factors = simulated(DRIVES, "mif-clipped")
    np.testing.assert_allclose(terms, [published(drive) for drive in DRIVES], rtol=1e-9)
    slope = [(published(drive + 1e-6) - published(drive - 1e-6)) / 2e-6 for drive in DRIVES]
    np.testing.assert_allclose(factors, slope, rtol=1e-5, atol=1e-3)
    free, _ = simulated(DRIVES, "mif")
    np.testing.assert_allclose(free, [published(drive, clipped=False) for drive in DRIVES], rtol=1e-9)
    assert free[0] > 10 * terms[0]
    assert free[4] > terms[4]


def test_single_precision_has_the_limits_too():
    double, single = (simulated(DRIVES, "mif-clipped", precision=name)[0] for name in ("double", "single"))
    np.testing.assert_allclose(single, double, rtol=1e-4)


@pytest.mark.parametrize(
    ("method", "target"),
    first_fast(itertools.product(["semi_implicit", "exponential_euler"], ["numpy", "default"])),
)
def test_engines_agree(method, target):
    network, generator = make_network("mif", 2), np.random.default_rng(5)
    layers = [layer.replace(neuron="mif-clipped") for layer in network.layers]
    network = network.replace(layers=layers, method=method)
    weights, inputs = make_weights(network, generator), make_pulses(generator, 2)
    before = brian2.prefs.codegen.target
    try:
        brian2.prefs.codegen.target = "numpy"
        reference = ReferenceEngine(network, Goodness()).present(inputs, weights)
        brian2.prefs.codegen.target = before if target == "default" else "numpy"
        lanes = LanesEngine(network, Goodness()).present(inputs, weights, spikes=True)
    finally:
        brian2.prefs.codegen.target = before
    assert_same(lanes, reference)
