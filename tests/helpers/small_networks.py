"""Small networks, weights and inputs that several test files share."""

import itertools

import numpy as np
from brian2 import ms, nA, uA, us

from brianff import Goodness, LabelCode, Layer, Network, PulseEncoding
from brianff.inputs import PulseInput, SpikeInput

PIXELS, CLASSES, STEPS = 20, 10, 24
PULSES = (0, 9)

LAYERS = {
    "mif": [
        Layer(neurons=9, current_scale=32 * uA),
        Layer(neurons=6, current_scale=60 * uA),
    ],
    "lif": [
        Layer(neurons=9, neuron="lif", current_scale=4 * nA, synapse_time_constant=4 * ms),
        Layer(neurons=6, neuron="lif", current_scale=9 * nA, synapse_time_constant=4 * ms),
    ],
}
KICKED = {"synapse": "delta", "current_scale": 1 * nA}
for trace in ("relu", "leaky", "hard-leaky"):
    LAYERS[f"lif-{trace}-trace"] = [
        Layer(neurons=9, neuron=f"lif-{trace}-trace", **KICKED),
        Layer(neurons=6, neuron=f"lif-{trace}-trace", **KICKED, preset="arxiv-2406.16479-as-published"),
    ]
LAYERS["relu"] = [Layer(neurons=9, neuron="relu", **KICKED)]
TIME_STEP = {"mif": 1 * us}
FINAL = Goodness("final", "activity**2", "2*activity", "sum", "final")


def make_network(neuron, layers, **changes):
    network = Network(
        pixels=PIXELS,
        classes=CLASSES,
        encoding=PulseEncoding(steps=STEPS, pulse_steps=PULSES),
        label=LabelCode(),
        layers=LAYERS[neuron][:layers],
        time_step=TIME_STEP.get(neuron, 1 * ms),
    )
    return network.replace(**changes)


def make_weights(network, generator):
    sizes = [network.inputs, *(layer.neurons for layer in network.layers)]
    return [generator.normal(0.15, 0.4, shape) for shape in itertools.pairwise(sizes)]


def make_pulses(generator, presentations=7):
    images = np.hstack([generator.random((presentations, PIXELS)), np.zeros((presentations, CLASSES))])
    codes = np.hstack([np.zeros((CLASSES, PIXELS)), np.eye(CLASSES)])
    labels = generator.integers(0, CLASSES, presentations)
    return PulseInput(images, codes, np.arange(presentations), labels, STEPS, PULSES)


def make_spikes(generator, presentations=7):
    return SpikeInput(generator.random((STEPS, presentations, PIXELS + CLASSES)) < 0.1)


def assert_same(results, others):
    for result, other in zip(results, others, strict=True):
        assert result.raster.any()
        np.testing.assert_array_equal(result.raster, other.raster)
        np.testing.assert_allclose(result.goodness_terms, other.goodness_terms, rtol=1e-10, atol=1e-12)
        scale = np.abs(other.postsynaptic).max()
        np.testing.assert_allclose(result.postsynaptic, other.postsynaptic, rtol=1e-9, atol=1e-11 * scale)
