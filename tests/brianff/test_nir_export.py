"""Networks of leaky integrate-and-fire neurons survive NIR; others are refused."""

from itertools import pairwise

import nir
import numpy as np
import pytest
import small_networks
from brian2 import ms, nA

from brianff import Layer, Network, RateEncoding, Simulator
from brianff.errors import ConfigurationError


@pytest.fixture
def simulator(numpy_target):
    kicked = {"neuron": "lif-leaky-trace", "synapse": "delta", "initial_weight_deviation": 0.9}
    layers = [Layer(neurons=9, current_scale=1 * nA, **kicked), Layer(neurons=4, current_scale=2 * nA, **kicked)]
    network = Network(pixels=20, classes=10, time_step=1 * ms, encoding=RateEncoding(steps=40), layers=layers)
    return Simulator(network, seed=4, engine="lanes")


def test_a_network_reads_back_and_spikes_the_same(simulator, tmp_path):
    """What the file says, integrated by hand with the implicit step v / (1 + dt / tau), gives the same spikes."""
    nir.write(tmp_path / "network.nir", simulator.to_nir())
    graph = nir.read(tmp_path / "network.nir")
    names = ["input", "synapses_0", "neurons_0", "synapses_1", "neurons_1", "output"]
    assert sorted(graph.edges) == sorted(pairwise(names))
    images, labels = np.random.default_rng(1).random((3, 20)), np.array([3, 0, 7])
    with simulator.evaluation():
        events = simulator.inputs(images, labels).events()
    with simulator.evaluation():
        expected = simulator.present_layers(images, labels, spikes=True)
    spikes, step = events.astype(float), graph.metadata["time_step"]
    for number, response in enumerate(expected):
        neurons, weight = graph.nodes[f"neurons_{number}"], graph.nodes[f"synapses_{number}"].weight
        v, out = np.zeros((3, len(neurons.tau))), []
        for event in spikes:
            v = v / (1 + step / neurons.tau) + (event @ weight.T) * neurons.r / neurons.tau
            out.append(v > neurons.v_threshold)
            v = np.where(out[-1], neurons.v_reset, v)
        np.testing.assert_array_equal(out, response.raster)
        assert 0 < np.mean(out) < 0.9
        spikes = np.array(out, float)


@pytest.mark.parametrize(("neuron", "what"), [("mif", "the neuron 'mif'"), ("lif", "the synapse 'alpha'")])
def test_what_would_be_lost_is_refused(neuron, what):
    simulator = Simulator(small_networks.make_network(neuron, 1), engine="lanes")
    with pytest.raises(ConfigurationError, match=f"layer 0 cannot be exported without loss: NIR does not know {what}"):
        simulator.to_nir()
