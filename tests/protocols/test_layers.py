"""A layer as a function is the layer of the simulator that it comes from."""

import numpy as np

from brianff import Goodness, Layer, Network, PulseEncoding, Simulator
from brianff.inputs import SpikeInput
from brianff.protocols.layers import simulated_layer


def test_neurons_that_differ_are_those_of_the_simulator(numpy_target):
    layers = [Layer(neurons=size, neuron_spread={"C": 0.3}, initial_weight_deviation=0.5) for size in (8, 5)]
    network = Network(pixels=12, classes=4, encoding=PulseEncoding(steps=15), layers=layers)
    simulator, labels = Simulator(network, seed=7), np.array([0, 1, 2])
    images = np.random.default_rng(1).random((3, 12))
    responses = simulator.present_layers(images, labels, spikes=True)
    inputs = [simulator.inputs(images, labels), SpikeInput(responses[0].raster)]
    for number, (given, response) in enumerate(zip(inputs, responses, strict=True)):
        weights = simulator.layers[number].crossbar.weights
        found = simulated_layer(network, Goodness(), number, seed=7)(given, weights)
        np.testing.assert_allclose(found.goodness_terms, response.goodness_terms, rtol=1e-12)
        np.testing.assert_allclose(found.postsynaptic, response.postsynaptic, rtol=1e-12)
        other = simulated_layer(network, Goodness(), number, seed=8)(given, weights)
        assert (other.goodness_terms != response.goodness_terms).any()
