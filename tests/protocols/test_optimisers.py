"""Optimisers against hand computation and a closed form."""

import numpy as np
import pytest

from brianff.protocols.optimisers import OPTIMISERS, Adam, Momentum, Plain, SecondPair, ThresholdPulses, cosine


def test_plain_is_proportional_and_keeps_nothing():
    rule = Plain(0.5)
    np.testing.assert_allclose(rule(np.array([2.0, -4.0]), 0.1), [0.1, -0.2])
    assert rule.state == {}


def test_momentum_approaches_a_constant_change():
    rule = Momentum(1.0)
    steps = [rule(np.ones(1))[0] for _ in range(50)]
    np.testing.assert_allclose(steps, 1 - 0.9 ** np.arange(1, 51))


def test_adam_takes_whole_steps_whatever_the_scale():
    for scale in (1e-6, 1.0, 1e6):
        rule = Adam(0.01)
        for _ in range(5):
            np.testing.assert_allclose(rule(scale * np.array([1.0, -1.0])), [0.01, -0.01], rtol=0.02)


def test_adam_by_hand():
    rule = Adam(0.1)
    rule(np.array([1.0]))
    first = (0.9 * 0.1 + 0.1 * 3.0) / (1 - 0.9**2)
    second = (0.999 * 0.001 + 0.001 * 9.0) / (1 - 0.999**2)
    np.testing.assert_allclose(rule(np.array([3.0])), 0.1 * first / (np.sqrt(second) + 1e-8))


def test_pulses_have_one_size_beyond_a_threshold():
    rule = ThresholdPulses(0.5, threshold=1.0)
    np.testing.assert_array_equal(rule(np.array([3.0, -1.0, -1.1, 0.0]), 0.1), [0.05, 0, -0.05, 0])
    assert rule.state == {}


def test_a_second_pair_gathers_and_passes_on_signs_of_some_inputs():
    """Ideal devices: shares of the range add up; rows 0 and 1, then 2 and 0, are read and emptied."""
    rule = SecondPair(0.5, gain=0.1, threshold=0.15, rows=2, device="ideal")
    change = np.array([[1.0, -2.0], [1.0, 1.0], [-3.0, 0.5]])
    np.testing.assert_array_equal(rule(change), np.zeros((3, 2)))  # nothing was held when it was read
    step = rule(change)
    np.testing.assert_array_equal(step, [[0, -0.5], [0, 0], [-0.5, 0]])
    np.testing.assert_allclose(rule.pairs.weights, 0.1 * np.array([[1, -2], [2, 2], [-3, 0.5]]), atol=1e-12)
    kept = SecondPair(0.5, gain=0.1, threshold=0.15, rows=3, kept=0.5, device={"preset": "ideal"})
    for _ in range(2):
        kept(change)
    np.testing.assert_allclose(kept.pairs.weights, 0.15 * change, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_copied_state_continues_identically(name):
    changes = np.random.default_rng(1).normal(size=(6, 3))
    whole, first_half, second_half = (OPTIMISERS[name](0.1) for _ in range(3))
    steps = [whole(change) for change in changes]
    for change in changes[:3]:
        first_half(change)
    second_half.state = {key: value.copy() for key, value in first_half.state.items()}
    for step, change in zip(steps[3:], changes[3:], strict=True):
        np.testing.assert_array_equal(second_half(change), step)


def test_cosine_falls_from_one_to_zero():
    np.testing.assert_allclose([cosine(share) for share in (0.0, 0.5, 1.0, 1.1)], [1.0, 0.5, 0.0, 0.0], atol=1e-15)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_threads_change_nothing(name):
    changes = np.random.default_rng(1).normal(size=(2, 300, 701))  # several parts, the last one smaller
    one, several = OPTIMISERS[name](0.1), OPTIMISERS[name](0.1)
    several.threads = 3
    for change in changes:
        np.testing.assert_array_equal(one(change), several(change))
