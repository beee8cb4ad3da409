"""Goodness functions: hand-computed values, derivatives by finite differences, and what the engines integrate."""

import pickle

import numpy as np
import pytest
from brian2 import ms, nA
from cases import first_fast

from brianff import Layer, Network, PulseEncoding, RateEncoding, Simulator
from brianff.protocols.goodness import GOODNESS, LargestTerms

TERMS = np.array([[4.0, 1.0, 0.0, 3.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 9.0, 0.0]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("squared-norm", [8, 4, 9]),
        ("mean-square", [2, 1, 2.25]),
        ("l1-norm", [8, 4, 9]),
        ("mean", [2, 1, 2.25]),
        ("log-sum", np.log([9, 5, 10])),
        ("max", [4, 1, 9]),
        ("top-20", [8, 4, 9]),
        # log 4 less the entropy of (1/2, 1/8, 3/8); uniform: 0; one neuron alone: log 4
        ("negentropy", [np.log(4) + 0.5 * np.log(0.5) + 0.125 * np.log(0.125) + 0.375 * np.log(0.375), 0, np.log(4)]),
    ],
)
def test_goodness_of_terms(name, expected):
    np.testing.assert_allclose(GOODNESS[name].total(TERMS), expected, atol=1e-4)


def test_the_largest_terms_win():
    np.testing.assert_allclose(LargestTerms(2).total(TERMS), [7, 2, 9])
    np.testing.assert_array_equal(LargestTerms(2).share(TERMS)[0], [1, 0, 0, 1])


@pytest.mark.parametrize("name", GOODNESS)
def test_share_is_the_derivative_of_the_goodness(name):
    goodness, step = GOODNESS[name], 1e-6
    terms = np.random.default_rng(1).random((5, 30)) + 0.1
    share = np.broadcast_to(goodness.share(terms), terms.shape)
    for neuron in range(terms.shape[1]):
        shift = step * (np.arange(terms.shape[1]) == neuron)
        slope = (goodness.total(terms + shift) - goodness.total(terms - shift)) / (2 * step)
        np.testing.assert_allclose(share[:, neuron], slope, rtol=1e-6, atol=1e-9)


def test_goodness_travels_between_processes():
    for goodness in GOODNESS.values():
        again = pickle.loads(pickle.dumps(goodness))
        np.testing.assert_array_equal(again.total(TERMS), goodness.total(TERMS))


DENSITIES = {
    "squared-norm": np.square,
    "rectified-mean-square": lambda z: np.where(z > 0, z**2, 0),
    "l1-norm": np.abs,
    "l4-norm": lambda z: z**4,
    "mean": lambda z: z,
}
SLOPES = {
    "squared-norm": lambda z: 2 * z,
    "rectified-mean-square": lambda z: np.where(z > 0, 2 * z, 0),
    "l1-norm": np.sign,
    "l4-norm": lambda z: 4 * z**3,
    "mean": np.ones_like,
}


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("neuron", first_fast(["mif", "lif"]))
def test_engines_integrate_density_and_slope(name, neuron, numpy_target):
    lif = {"neuron": "lif", "current_scale": 9 * nA, "synapse_time_constant": 2 * ms}
    layer = Layer(neurons=6, initial_weight_deviation=0.6, **(lif if neuron == "lif" else {}))
    network = Network(pixels=12, classes=3, encoding=PulseEncoding(steps=15), layers=(layer,))
    if neuron == "lif":
        network = network.replace(time_step=1 * ms)
    simulator = Simulator(network, GOODNESS[name], "lanes", seed=2)
    images, labels = np.random.default_rng(1).random((3, 12)), np.array([0, 1, 2])
    recording = simulator.record(images, labels, neurons=range(6))
    if neuron == "lif":  # recorded after a step's spikes; the next step integrates what has decayed by 0.85
        recorded = recording.traces["trace"]
        activity = 0.85 * np.concatenate([np.zeros_like(recorded[:, :1]), recorded[:, :-1]], axis=1)
    else:
        activity = 1e3 * recording.traces["v"]
    assert np.abs(activity).max() > 0.5
    responses = simulator.present(images, labels)  # without spikes asked for: a LIF neuron resets all the same
    np.testing.assert_allclose(responses.goodness_terms, DENSITIES[name](activity).mean(axis=1), rtol=1e-9)
    if neuron == "lif":  # its sensitivity is 1
        np.testing.assert_allclose(responses.postsynaptic, SLOPES[name](activity).mean(axis=1), rtol=1e-9)


def test_spike_count_counts_spikes(numpy_target):
    layer = Layer(
        neurons=6, neuron="lif", current_scale=9 * nA, synapse_time_constant=2 * ms, initial_weight_deviation=0.6
    )
    encoding = RateEncoding(steps=30, maximum_probability=0.5)
    network = Network(pixels=12, classes=3, time_step=1 * ms, encoding=encoding, layers=(layer, Layer(neurons=4)))
    simulator = Simulator(network, GOODNESS["spike-count"], seed=2)
    images, labels = np.random.default_rng(1).random((3, 12)), np.array([0, 1, 2])
    recording = simulator.record(images, labels, neurons=[0], layer=0)
    simulator = Simulator(network, GOODNESS["spike-count"], seed=2)  # the same input spikes again
    for response in simulator.present_layers(images, labels):
        np.testing.assert_array_equal(response.goodness_terms, response.spike_counts)
        np.testing.assert_array_equal(response.postsynaptic, response.spike_counts)
        np.testing.assert_array_equal(response.goodness, response.raster.sum(axis=(0, 2)))
    assert simulator.present(images, labels, layer=0).goodness.sum() > 0
    assert len(recording.spikes) > 0
