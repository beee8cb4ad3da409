"""The modulated Hebbian change against a numerical gradient of the loss, in the analog limit."""

from dataclasses import replace

import numpy as np
import pytest

from brianff import Goodness
from brianff.errors import ConfigurationError
from brianff.inputs import PulseInput, SpikeInput
from brianff.protocols.contrast import Pairs
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.layers import analog_layer
from brianff.protocols.modulators import MODULATORS
from brianff.protocols.plasticity import NormalisedHebbian, modulated_hebbian

PRESENTATIONS, INPUTS, NEURONS = 6, 7, 8


def analog_responses(amplitudes, weights, goodness):
    """Responses of analog relu neurons z = relu(W^T x)."""
    zeros = np.zeros((1, amplitudes.shape[1]))
    rows = np.arange(len(amplitudes))
    return analog_layer(goodness)(PulseInput(amplitudes, zeros, rows, np.zeros(len(rows), int), 1, (0,)), weights)


def numerical_gradient(loss, weights, step=1e-6):
    gradient = np.empty_like(weights)
    for index in np.ndindex(weights.shape):
        shift = np.zeros_like(weights)
        shift[index] = step
        gradient[index] = (loss(weights + shift) - loss(weights - shift)) / (2 * step)
    return gradient


@pytest.mark.parametrize("goodness", GOODNESS.values(), ids=GOODNESS)
@pytest.mark.parametrize("probability", MODULATORS)
def test_change_is_the_gradient(probability, goodness):
    generator = np.random.default_rng(1)
    positive, negative = generator.random((2, PRESENTATIONS, INPUTS))
    weights = generator.normal(0, 0.5, (INPUTS, NEURONS))
    modulator = MODULATORS[probability](sharpness=0.7, threshold=0.4)

    def loss(matrix):
        passes = (analog_responses(amplitudes, matrix, goodness) for amplitudes in (positive, negative))
        return modulator.loss(*passes).mean()

    gradient = numerical_gradient(loss, weights)
    change = modulated_hebbian(
        analog_responses(positive, weights, goodness), analog_responses(negative, weights, goodness), modulator
    )
    assert np.linalg.norm(change + gradient) <= 1e-6 * np.linalg.norm(gradient)


def test_change_of_several_negatives_is_the_gradient():
    generator = np.random.default_rng(4)
    positive, negative = generator.random((2, INPUTS)), generator.random((6, INPUTS))
    weights = generator.normal(0, 0.5, (INPUTS, NEURONS))
    modulator = MODULATORS["pair"](sharpness=0.7, threshold=0.4)

    def loss(matrix):
        right = np.square(np.maximum(positive @ matrix, 0)).mean(axis=1)
        wrong = np.square(np.maximum(negative @ matrix, 0)).mean(axis=1).reshape(2, 3)
        odds = np.exp(0.7 * right)  # the right label's share of the odds, its own lowered by the margin
        return -np.log(odds / (odds + np.exp(0.4 + 0.7 * wrong).sum(axis=1)))

    gradient = numerical_gradient(lambda matrix: loss(matrix).mean(), weights)
    passes = [analog_responses(amplitudes, weights, Goodness()) for amplitudes in (positive, negative)]
    np.testing.assert_allclose(modulator.loss(*passes), loss(weights), rtol=1e-12)
    change = modulated_hebbian(*passes, modulator)
    assert np.linalg.norm(change + gradient) <= 1e-6 * np.linalg.norm(gradient)


@pytest.mark.parametrize("probability", ["pair", "sigmoid"])
def test_change_of_collaborating_layers_is_the_gradient(probability):
    generator = np.random.default_rng(5)
    amplitudes = generator.random((2, PRESENTATIONS, INPUTS))
    weights = generator.normal(0, 0.5, (INPUTS, NEURONS))
    goodness_below = generator.normal(0, 2.0, (2, PRESENTATIONS))
    modulator = MODULATORS[probability](sharpness=0.7, threshold=0.4)

    def loss(matrix):
        goodness = np.square(np.maximum(amplitudes @ matrix, 0)).mean(axis=2) + goodness_below
        if probability == "pair":
            return np.log1p(np.exp(0.4 - 0.7 * (goodness[0] - goodness[1]))).mean()
        odds = np.exp(0.7 * (goodness - 0.4))
        return -(np.log(odds[0] / (1 + odds[0])) + np.log(1 / (1 + odds[1]))).mean()

    gradient = numerical_gradient(loss, weights)
    both = [
        replace(analog_responses(part, weights, GOODNESS["mean-square"]), goodness_below=below)
        for part, below in zip(amplitudes, goodness_below, strict=True)
    ]
    change = modulated_hebbian(*both, modulator)
    assert np.linalg.norm(change + gradient) <= 1e-6 * np.linalg.norm(gradient)
    np.testing.assert_array_equal(both[0].select([3, 1]).goodness_below, goodness_below[0, [3, 1]])


@pytest.mark.parametrize("probability", MODULATORS)
def test_signs_raise_positive_and_lower_negative_goodness(probability):
    generator = np.random.default_rng(2)
    positive, negative = generator.random((2, PRESENTATIONS, INPUTS))
    weights = generator.normal(0, 0.5, (INPUTS, NEURONS))
    modulator = MODULATORS[probability](0.1, 1.0)

    def passes(matrix):
        return [analog_responses(amplitudes, matrix, Goodness()) for amplitudes in (positive, negative)]

    before = modulator.loss(*passes(weights)).mean()
    after = modulator.loss(*passes(weights + 0.01 * modulated_hebbian(*passes(weights), modulator))).mean()
    assert after < before


def test_saturated_goodness_gives_finite_modulators_and_distinct_scores():
    weights = np.full((INPUTS, NEURONS), 1e3)
    amplitudes = np.array([[1.0] * INPUTS, [1.01] * INPUTS])
    responses = analog_responses(amplitudes, weights, Goodness())
    for probability in ("sigmoid", "pair"):
        modulator = MODULATORS[probability](10.0, 0.0)
        assert np.isfinite(modulator.loss(responses, responses)).all()
        assert np.isfinite(modulated_hebbian(responses, responses, modulator)).all()
        scores = modulator.score(responses)
        assert scores[1] > scores[0]  # both probabilities are 1 in floating point


def test_empty_batches_change_nothing():
    empty = analog_responses(np.zeros((0, INPUTS)), np.zeros((INPUTS, NEURONS)), Goodness())
    for probability in MODULATORS:
        change = modulated_hebbian(empty, empty, MODULATORS[probability](1.0, 1.0))
        np.testing.assert_array_equal(change, np.zeros((INPUTS, NEURONS)))


def test_pairs_must_match():
    one = analog_responses(np.ones((1, INPUTS)), np.ones((INPUTS, NEURONS)), Goodness())
    two = analog_responses(np.ones((2, INPUTS)), np.ones((INPUTS, NEURONS)), Goodness())
    with pytest.raises(ConfigurationError, match="as many negatives for each positive; got 1 for 2"):
        MODULATORS["pair"](1.0, 1.0)(two, one)


def test_presynaptic_factor_of_spikes_is_the_mean_alpha_current():
    raster = np.zeros((5, 1, 2), dtype=bool)
    raster[0, 0, 0] = raster[3, 0, 0] = raster[4, 0, 1] = True
    response = np.array([0.0, 1.0, 2.0, 4.0, 8.0])
    # Unit 0: the whole response after step 0, its first two steps after step 3. Unit 1: its first step after step 4.
    np.testing.assert_allclose(SpikeInput(raster).presynaptic(response), [[(15 + 1) / 5, 0.0]])


def test_groups_tell_which_neurons_share_a_modulator():
    generator = np.random.default_rng(6)
    both = [
        analog_responses(part, generator.normal(size=(INPUTS, 7)), Goodness())
        for part in generator.random((2, 4, INPUTS))
    ]
    for modulator in (kind() for kind in MODULATORS.values()):
        groups = modulator.groups(7)
        for factors in modulator.broadcast(*both):
            factors = np.broadcast_to(factors, (4, 7))
            for group in np.unique(groups):
                assert (factors[:, groups == group] == factors[:, groups == group][:, :1]).all()
            assert groups.max() == 0 or (factors[:, 0] != factors[:, -1]).all()
    np.testing.assert_array_equal(MODULATORS["symmetric"]().groups(5), [0, 0, 1, 1, 1])


def test_clipped_probabilities_change_nothing():
    modulator, weights = MODULATORS["sigmoid"](sharpness=1.0), np.eye(INPUTS)
    drives = np.zeros((3, INPUTS))
    drives[:, 0] = np.sqrt(INPUTS * np.array([0.5, 2.0, 5.0]))  # goodness 0.5, 2 and 5: P = 0.62, 0.88, 0.993
    responses, positive = analog_responses(drives, weights, Goodness()), np.array([True, False, True])
    free, clipped = modulator.mixed(responses, positive), modulator.mixed(responses, positive, clip=0.1)
    assert free.all()
    np.testing.assert_array_equal(clipped, free * [[True], [True], [False]])


def test_normalised_modulators_have_a_root_mean_square_of_one():
    generator, modulator = np.random.default_rng(2), MODULATORS["sigmoid"](sharpness=0.2, threshold=3.0)
    weights, rule = generator.normal(0, 0.5, (INPUTS, NEURONS)), NormalisedHebbian(decay=0.9)
    mean, weight = 0.0, 0.0
    for _ in range(3):
        both = [
            analog_responses(amplitudes, weights, GOODNESS["squared-norm"])
            for amplitudes in generator.random((2, PRESENTATIONS, INPUTS))
        ]
        squares = np.mean([np.mean(one**2) for one in modulator(*both)])
        mean, weight = 0.9 * mean + 0.1 * squares, 0.9 * weight + 0.1
        expected = modulated_hebbian(*both, modulator) / np.sqrt(mean / weight)
        np.testing.assert_allclose(rule.change(Pairs(*both), modulator), expected, rtol=1e-9)
    assert set(rule.state) == {"square", "weight"}
