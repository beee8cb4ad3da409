"""Every registered goodness, modulator, neuron and device trains to the same weights on every engine and fast path.

The reference engine is the oracle: ordinary Brian2 objects, one presentation after the other. Three batches are learned
with every goodness x modulator x neuron, and the devices take turns; every device is crossed with every neuron besides.
"""

import itertools

import brian2
import numpy as np
import pytest
from brian2 import ms, nA, uA, us

from brianff import LabelCode, Layer, Network, PulseEncoding
from brianff.acceleration.compiled import code_target
from brianff.data.split import Dataset, Split
from brianff.description.parts import DEVICES, NEURONS
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


def tiny_images():
    generator = np.random.default_rng(3)
    train, test = (Split(generator.integers(0, 256, (6, 9)).astype(np.uint8), np.arange(6) % 3) for _ in range(2))
    return Dataset("tiny", train, test, (3, 3), 3, "none: random")


def weights(neuron, goodness, modulator, device, engine, layers=1):
    """Return the weights after three batches, of all layers."""
    kinds = [
        Layer(neurons=size, neuron=neuron, initial_weight_deviation=0.7, device=device, **LAYERS.get(neuron, KICKED))
        for size in (6, 4)[:layers]
    ]
    network = Network(
        pixels=9,
        classes=3,
        encoding=PulseEncoding(steps=8),
        label=LabelCode(strength=1.0),
        layers=kinds,
        time_step=1 * (us if neuron.startswith("mif") else ms),
    )
    learning = Learning(
        goodness=goodness,
        modulator=modulator,
        negatives="wrong-label",
        batch=2,
        epochs=1,
        sharpness=0.01,
        learning_rate=0.05,
    )
    protocol = Protocol(
        network=network,
        learning=learning,
        engine=Engine(name=engine, workers=1),
        evaluation=Evaluation(epoch_images=1),
    )
    trainer = Trainer(protocol, tiny_images())
    before = [layer.crossbar.weights.copy() for layer in trainer.simulator.layers]
    while not trainer.finished:
        trainer.run_epoch()
    after = [layer.crossbar.weights for layer in trainer.simulator.layers]
    return after, max(np.abs(new - old).max() for new, old in zip(after, before, strict=True))


def assert_same(*arguments, target, layers=1):
    """Compare the lanes engine on a code-generation target with the reference engine."""
    expected, moved = weights(*arguments, "reference", layers)
    brian2.prefs.codegen.target = target
    given, _ = weights(*arguments, "lanes", layers)
    assert moved > 0
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-7 + 1e-6 * moved)


COMBINATIONS = [
    (neuron, goodness, modulator, device)
    for (neuron, goodness, modulator), device in zip(
        itertools.product(NEURONS, GOODNESS, MODULATORS), itertools.cycle([None, *DEVICES]), strict=False
    )
    if (neuron, goodness) != ("relu", "spike-count")  # refused: no spikes to count
]


@pytest.fixture
def compiled(numpy_target):
    """The compiled target for the lanes, where presentations run in the fused kernel."""
    brian2.prefs.codegen.target = "cython"
    if code_target() != "cython":
        pytest.skip("no C++ compiler")
    brian2.prefs.codegen.target = "numpy"


def named(combination):
    return "-".join(map(str, combination))


@pytest.mark.parametrize("combination", COMBINATIONS[:: len(COMBINATIONS) // 20], ids=named)
def test_some_parts_train_alike_on_both_engines(combination, numpy_target):
    assert_same(*combination, target="numpy")


@pytest.mark.slow
@pytest.mark.parametrize("combination", COMBINATIONS, ids=named)
def test_every_combination_in_compiled_code_equals_the_reference(combination, compiled):
    assert_same(*combination, target="cython")


@pytest.mark.slow
@pytest.mark.parametrize("combination", itertools.product(NEURONS, DEVICES), ids=named)
def test_every_device_drives_every_neuron(combination, numpy_target):
    neuron, device = combination
    assert_same(neuron, "mean-square", "pair", device, target="numpy")


@pytest.mark.parametrize("neuron", [name for name in NEURONS if name != "relu"])
def test_a_second_layer_learns_the_same_from_spikes_that_are_kept(neuron, numpy_target):
    assert_same(neuron, "mean-square", "pair", None, target="numpy", layers=2)
