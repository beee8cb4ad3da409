"""The numerical gradient against brute force, and the Hebbian change against it where theory knows the answer."""

from functools import partial

import numpy as np
import pytest

from brianff import Layer, Network, PulseEncoding, RateEncoding, Simulator, load_dataset
from brianff.protocols.equivalence import (
    compare,
    compare_layers,
    cosine_interval,
    equivalence,
    numerical_gradient,
)
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.layers import analog_layer, simulated_layer
from brianff.protocols.modulators import MODULATORS, Pair
from brianff.protocols.negatives import wrong_labels

SMALL = Network(
    pixels=6, classes=3, encoding=PulseEncoding(steps=12), layers=(Layer(neurons=4, initial_weight_deviation=0.7),)
)


def passes(network, seed=1, images=5):
    """Return weights, and positive and negative inputs of a batch."""
    simulator = Simulator(network, seed=seed)
    generator = np.random.default_rng(seed)
    pictures, labels = generator.random((images, network.pixels)), generator.integers(0, network.classes, images)
    shown = labels, wrong_labels(labels, generator, network.classes)
    return simulator.layers[0].crossbar.weights, [simulator.inputs(pictures, part) for part in shown]


def brute_force(respond, inputs, weights, modulator, step=1e-5):
    """Return -dL/dW by one pair of whole simulations for each weight."""
    gradient = np.empty_like(weights)
    for index in np.ndindex(weights.shape):
        losses = []
        for sign in (1, -1):
            shifted = weights.copy()
            shifted[index] += sign * step
            losses.append(modulator.loss(*(respond(part, shifted) for part in inputs)).mean())
        gradient[index] = -(losses[0] - losses[1]) / (2 * step)
    return gradient


def modulator_for(respond, inputs, weights, probability="pair"):
    goodness = respond(inputs[0], weights).goodness
    return MODULATORS[probability](1 / goodness.std(), goodness.mean() if probability == "sigmoid" else 1.0)


@pytest.mark.parametrize("name", ["squared-norm", "log-sum", "negentropy"])
@pytest.mark.parametrize("probability", MODULATORS)
def test_gradient_through_memristive_neurons_equals_brute_force(name, probability, numpy_target):
    weights, inputs = passes(SMALL)
    respond = simulated_layer(SMALL, GOODNESS[name])
    modulator = modulator_for(respond, inputs, weights, probability)
    gradient = numerical_gradient(respond, *inputs, weights, modulator)
    expected = brute_force(respond, inputs, weights, modulator)
    assert np.linalg.norm(gradient - expected) < 1e-5 * np.linalg.norm(expected)


def test_gradient_of_single_weights_under_spikes_equals_brute_force(numpy_target):
    network = SMALL.replace(encoding=RateEncoding(steps=12, maximum_probability=0.5))
    weights, inputs = passes(network)
    respond = simulated_layer(network, GOODNESS["squared-norm"])
    modulator = modulator_for(respond, inputs, weights)
    sample = np.random.default_rng(1)
    gradient = numerical_gradient(respond, *inputs, weights, modulator, sample, sampled_weights=3)
    assert (np.isfinite(gradient).sum(axis=0) == 3).all()
    measured = np.isfinite(gradient)
    expected = brute_force(respond, inputs, weights, modulator)
    np.testing.assert_allclose(gradient[measured], expected[measured], rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    sample = np.random.default_rng(1)
    halves = numerical_gradient(respond, *inputs, weights, modulator, sample, weight_step=1e-4, sampled_weights=3)
    sizes = np.array([2, 3]) / 5  # the halves of five pairs
    np.testing.assert_allclose(np.tensordot(sizes, halves, axes=1), gradient, rtol=1e-9)


@pytest.mark.slow
def test_every_layer_is_compared_with_its_own_gradient(numpy_target):
    network = SMALL.replace(layers=[SMALL.layers[0], Layer(neurons=5, initial_weight_deviation=1.0)])
    simulator = Simulator(network, GOODNESS["squared-norm"], seed=1)
    generator = np.random.default_rng(1)
    images, labels = generator.random((8, 6)), generator.integers(0, 3, 8)
    modulator = Pair(1e-4, 1.0)
    compared = compare_layers(simulator, images, labels, (labels + 1) % 3, modulator)
    assert [set(layer) for layer in compared] == [{"hebbian", "local rule"}] * 2
    assert [len(layer["hebbian"].neuron_cosine) for layer in compared] == [4, 5]
    assert compared[0]["local rule"].cosine > 0.9
    assert compared[1]["local rule"].reliability == 1
    assert -1 <= compared[1]["hebbian"].cosine <= 1
    whole = compare_layers(simulator, images, labels, (labels + 1) % 3, modulator, blocks=0)
    for layer, other in zip(compared, whole, strict=True):  # blocks change no cosine
        for name, one in layer.items():
            assert one.cosine == pytest.approx(other[name].cosine, rel=1e-6)
            assert one.interval[0] <= one.cosine + 1e-6
            assert one.interval[1] >= one.cosine - 1e-6
            assert np.isnan(other[name].interval).all()
    assert compared[0]["local rule"].permuted < compared[0]["local rule"].cosine


@pytest.mark.parametrize("probability", MODULATORS)
def test_squared_norm_of_analog_units_is_hebbian(probability):
    network = Network(pixels=64, encoding=PulseEncoding(steps=1), layers=(Layer(neurons=30),))
    simulator = Simulator(network, seed=1)
    split = load_dataset("digits").train.first(40)
    wrong = wrong_labels(split.labels, np.random.default_rng(1))
    inputs = [simulator.inputs(split.intensities(slice(None)), labels) for labels in (split.labels, wrong)]
    weights = np.random.default_rng(2).normal(0, 0.3, (74, 30))
    modulator = modulator_for(analog_layer(GOODNESS["squared-norm"]), inputs, weights, probability)
    compared = equivalence(analog_layer, GOODNESS["squared-norm"], modulator, weights, lambda: inputs)
    for comparison in compared.values():
        assert comparison.relative_error < 1e-6
        assert comparison.cosine == pytest.approx(1)
        assert comparison.scale == pytest.approx(1)
        assert np.nanmin(comparison.neuron_cosine) > 1 - 1e-6
    others = equivalence(analog_layer, GOODNESS["l1-norm"], modulator, weights, lambda: inputs)
    assert others["local rule"].relative_error < 1e-6
    assert others["hebbian"].cosine < 0.99


def test_one_presentation_of_another_norm_has_the_cosine_of_z_and_its_slope():
    """For one pair whose negative is silent, the change is x times f(z): the cosine is that between z and f(z)."""
    network = Network(pixels=3, classes=2, encoding=PulseEncoding(steps=1), layers=(Layer(neurons=4),))
    simulator = Simulator(network, seed=1)
    inputs = [simulator.inputs(np.ones((1, 3)), np.array([label])) for label in (0, 1)]
    z = np.array([0.5, 1.0, 2.0, 4.0])
    weights = np.vstack([np.tile(z / 6, (3, 1)), z / 2, np.full(4, -10.0)])  # label 0: z; label 1: nobody fires
    for name, slope in (("l1-norm", np.ones(4)), ("l4-norm", z**3), ("max", z * (z == 4)), ("squared-norm", z)):
        compared = equivalence(analog_layer, GOODNESS[name], Pair(1.0, 1.0), weights, lambda: inputs)
        expected = z @ slope / np.linalg.norm(z) / np.linalg.norm(slope)
        assert compared["hebbian"].cosine == pytest.approx(expected, abs=1e-6)
        assert compared["local rule"].cosine == pytest.approx(1, abs=1e-6)


def test_memristors_held_still_are_a_good_but_inexact_surrogate(numpy_target):
    weights, inputs = passes(SMALL, images=20)
    make = partial(simulated_layer, SMALL)
    modulator = modulator_for(make(GOODNESS["squared-norm"]), inputs, weights)
    rule = equivalence(make, GOODNESS["squared-norm"], modulator, weights, lambda: inputs)["local rule"]
    assert 0.9 < rule.cosine < 1 - 1e-6


def test_compare():
    change = np.array([[3.0, 0.0], [4.0, 1.0]])
    comparison = compare(change, 2 * change)
    assert (comparison.cosine, comparison.scale, comparison.relative_error) == pytest.approx((1.0, 2.0, 0.5))
    gradient = np.array([[4.0, np.nan], [3.0, np.nan]])
    comparison = compare(change, gradient)
    assert comparison.cosine == pytest.approx(24 / 25)
    assert comparison.neuron_cosine[0] == pytest.approx(24 / 25)
    assert np.isnan(comparison.neuron_cosine[1])
    assert np.isnan(compare(change, np.zeros((2, 2))).cosine)


def test_the_cosine_is_corrected_for_noise_of_the_gradient():
    generator = np.random.default_rng(1)
    gradient = generator.normal(size=(100, 100))
    noisy = gradient + generator.normal(0, 1.5, (2, 100, 100))
    comparison = compare(gradient, noisy)
    assert comparison.cosine == pytest.approx(1 / np.sqrt(1 + 1.5**2 / 2), abs=0.02)
    assert comparison.corrected_cosine == pytest.approx(1, abs=0.02)


def test_a_gradient_that_is_mostly_noise_corrects_nothing():
    generator = np.random.default_rng(1)
    gradient = generator.normal(size=(30, 30))
    comparison = compare(gradient, gradient + generator.normal(0, 5.0, (2, 30, 30)))
    assert comparison.reliability < 0.3
    assert np.isnan(comparison.corrected_cosine)
    assert "take more presentations" in comparison.unreliable
    assert compare(gradient, gradient).unreliable == ""


def test_a_reliability_without_a_value_corrects_nothing():
    comparison = compare(np.ones((2, 2)), np.zeros((2, 2, 2)))
    assert np.isnan(comparison.corrected_cosine)
    assert comparison.unreliable


def test_the_interval_covers_the_cosine_of_other_samples_and_is_hardly_wider():
    """Sums of blocks of a change and of a gradient that share a part, each with noise of its own."""
    generator = np.random.default_rng(3)
    common = generator.normal(size=(6, 5))

    def sample():
        shared = common + generator.normal(size=(20, 6, 5))
        return shared + generator.normal(0, 2.0, (2, 20, 6, 5))

    cosines = [compare(*(blocks.sum(axis=0) for blocks in sample())).cosine for _ in range(400)]
    intervals = np.array([cosine_interval(*sample()) for _ in range(100)])
    covered = (intervals[:, 0] <= np.mean(cosines)) & (np.mean(cosines) <= intervals[:, 1])
    assert covered.mean() >= 0.93
    spread = np.subtract(*np.quantile(cosines, [0.975, 0.025]))
    assert 0.9 * spread < np.subtract(*intervals.mean(axis=0)[::-1]) < 1.8 * spread
    assert np.isnan(cosine_interval(*(blocks[:1] for blocks in sample()))).all()


def test_random_changes_seldom_exceed_the_cosine_of_random_ones():
    generator = np.random.default_rng(4)
    gradient = generator.normal(size=(20, 10))
    found = [compare(generator.normal(size=(20, 10)), gradient) for _ in range(400)]
    assert np.mean([abs(one.cosine) > one.random for one in found]) == pytest.approx(0.05, abs=0.03)
