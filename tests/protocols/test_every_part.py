"""Every registered goodness, modulator, neuron and device trains to the same weights on every engine and fast path.

The reference engine is the oracle: ordinary Brian2 objects, one presentation after the other. Every goodness of every
neuron learns a batch with each modulator in turn, and the devices take turns: thirteen goodness functions bring each
neuron together with each of the devices.
"""

import itertools

import brian2
import numpy as np
import pytest
from brian2 import ms, nA, uA, us
from cases import first_fast

from brianff import LabelCode, Layer, Network, PulseEncoding, Simulator
from brianff.acceleration.compiled import code_target
from brianff.data.split import Dataset, Split
from brianff.description.parts import DEVICES, NEURONS
from brianff.protocols import Adam, modulated_hebbian
from brianff.protocols.configuration import Engine, Evaluation, Learning, Protocol
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.modulators import MODULATORS
from brianff.protocols.trainer import Trainer

KICKED = {"synapse": "delta", "current_scale": 2 * nA}
LAYERS = {
    "mif": {"current_scale": 60 * uA},
    "mif-clipped": {"current_scale": 60 * uA},
    "lif": {"current_scale": 9 * nA, "synapse_time_constant": 2 * ms},
    "relu": KICKED,
}
"""What drives the neurons well; those that are not named here are kicked by delta synapses."""

COMBINATIONS = list(zip(itertools.product(NEURONS, GOODNESS), itertools.cycle([None, *DEVICES]), strict=False))


def network(neuron, device=None, sizes=(6,)):
    """Return a network of neurons that are driven well."""
    layers = [
        Layer(neurons=size, neuron=neuron, initial_weight_deviation=0.7, device=device, **LAYERS.get(neuron, KICKED))
        for size in sizes
    ]
    time_step = 1 * (us if neuron.startswith("mif") else ms)
    encoding, label = PulseEncoding(steps=8), LabelCode(strength=1.0)
    return Network(pixels=9, classes=3, encoding=encoding, label=label, layers=layers, time_step=time_step)


def learned(parts, engine, target):
    """Return the weights at first, and after a batch with each of the modulators."""
    brian2.prefs.codegen.target = target
    (neuron, goodness), device = parts
    simulator = Simulator(network(neuron, device), GOODNESS[goodness], engine)
    generator, optimiser, (layer,) = np.random.default_rng(3), Adam(0.05), simulator.layers
    weights = [layer.crossbar.weights.copy()]
    for modulator in MODULATORS:
        images, labels = generator.random((2, 9)), generator.permutation(3)
        positive, negative = (simulator.present(images, shown) for shown in (labels[:2], labels[1:]))
        made = MODULATORS[modulator](sharpness=0.01)
        layer.learn(optimiser(modulated_hebbian(positive, negative, made)))
        weights.append(layer.crossbar.weights.copy())
    return np.array(weights)


def assert_same(parts, target):
    """Compare the lanes engine on a code-generation target with the reference engine."""
    expected, given = learned(parts, "reference", "numpy"), learned(parts, "lanes", target)
    moved = np.abs(np.diff(expected, axis=0)).max(axis=(1, 2))
    # A modulator may be saturated; relu has no spikes to count.
    assert np.count_nonzero(moved) >= 2 or parts[0] == ("relu", "spike-count")
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-7 + 1e-6 * moved.max())


def named(combination):
    (neuron, goodness), device = combination
    return f"{neuron}-{goodness}-{device}"


def test_every_device_drives_every_neuron():
    assert {(neuron, device) for (neuron, _), device in COMBINATIONS} >= set(itertools.product(NEURONS, DEVICES))


SOME = COMBINATIONS[:: len(COMBINATIONS) // 12]
SOME = [*SOME[:3], *(pytest.param(one, marks=pytest.mark.slow) for one in SOME[3:])]


@pytest.mark.parametrize("combination", SOME, ids=named)
def test_some_parts_train_alike_on_both_engines(combination, numpy_target):
    assert_same(combination, target="numpy")


@pytest.mark.slow
@pytest.mark.parametrize("combination", COMBINATIONS, ids=named)
def test_every_combination_in_compiled_code_equals_the_reference(combination, numpy_target):
    brian2.prefs.codegen.target = "cython"
    if code_target() != "cython":
        pytest.skip("no C++ compiler")
    assert_same(combination, target="cython")


@pytest.mark.parametrize("neuron", first_fast(name for name in NEURONS if name != "relu"))
def test_a_second_layer_learns_the_same_from_spikes_that_are_kept(neuron, numpy_target):
    generator = np.random.default_rng(3)
    train, test = (Split(generator.integers(0, 256, (6, 9)).astype(np.uint8), np.arange(6) % 3) for _ in range(2))
    images = Dataset("tiny", train, test, (3, 3), 3, "none: random")
    learning = Learning(negatives="wrong-label", batch=2, epochs=1, sharpness=0.01, learning_rate=0.05)
    weights = {}
    for engine in ("reference", "lanes"):
        protocol = Protocol(
            network=network(neuron, sizes=(6, 4)),
            learning=learning,
            engine=Engine(name=engine, workers=1),
            evaluation=Evaluation(epoch_images=1),
        )
        trainer = Trainer(protocol, images)
        before = [layer.crossbar.weights.copy() for layer in trainer.simulator.layers]
        while not trainer.finished:
            trainer.run_epoch()
        weights[engine] = [layer.crossbar.weights for layer in trainer.simulator.layers]
    for start, expected, given in zip(before, weights["reference"], weights["lanes"], strict=True):
        moved = np.abs(expected - start).max()
        assert moved > 0
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-7 + 1e-6 * moved)
