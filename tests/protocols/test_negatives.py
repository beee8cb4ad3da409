"""Negatives never carry the true label, and all wrong labels are equally likely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brianff.errors import ConfigurationError
from brianff.protocols.configuration import load_protocol
from brianff.protocols.negatives import SelfContrastive, hardest, hybrid_images, wrong_labels
from brianff.protocols.trainer import Trainer


@given(st.data(), st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_never_the_true_label_and_never_twice(data, classes, seed):
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), max_size=20)), dtype=int)
    count = data.draw(st.integers(1, classes - 1))
    wrong = wrong_labels(labels, np.random.default_rng(seed), classes, count)
    assert wrong.shape == (len(labels), count)
    assert (wrong != labels[:, np.newaxis]).all()
    assert ((wrong >= 0) & (wrong < classes)).all()
    assert all(len(set(row)) == count for row in wrong)


def test_all_wrong_labels_are_equally_likely():
    labels = np.full(90_000, 3)
    wrong = wrong_labels(labels, np.random.default_rng(1))
    assert wrong.shape == labels.shape
    counts = np.bincount(wrong, minlength=10)
    assert counts[3] == 0
    # 10,000 expected each, standard deviation 94
    assert np.abs(np.delete(counts, 3) - 10_000).max() < 5 * 94


def test_the_same_seed_draws_the_same_labels():
    labels = np.arange(10)
    first, second = (wrong_labels(labels, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("labels", "count", "message"), [([0], 10, "10 different wrong"), ([10], 1, "between 0 and 9")]
)
def test_impossible_requests_are_refused(labels, count, message):
    with pytest.raises(ConfigurationError, match=message):
        wrong_labels(np.array(labels), np.random.default_rng(1), 10, count)


def test_hardest_is_the_highest_goodness():
    np.testing.assert_array_equal(hardest(np.array([[1.0, 3.0, 2.0], [5.0, 0.0, 1.0]])), [1, 0])


def test_hybrids_mix_each_image_with_another_in_patches():
    shape, count = (28, 28), 60
    images = np.repeat(np.arange(count, dtype=float)[:, np.newaxis], 784, axis=1)  # every pixel tells whose it is
    mixed = hybrid_images(images, shape, np.random.default_rng(1))
    own = mixed == images
    others = [np.unique(row[~mask]) for row, mask in zip(mixed, own, strict=True)]
    assert all(len(other) == 1 for other in others)  # one other image each, and never itself
    assert 0.4 < own.mean() < 0.6
    mask = own.reshape(count, *shape)
    neighbours = (mask[:, 1:] == mask[:, :-1]).mean()
    far = (mask[:, 14:] == mask[:, :-14]).mean()
    assert neighbours > 0.85  # in patches
    assert far < 0.6  # that do not reach across the image


def test_more_blurring_gives_larger_patches():
    images = np.vstack([np.zeros(784), np.ones(784)])

    def borders(blurs):
        mixed = hybrid_images(np.tile(images, (20, 1)), (28, 28), np.random.default_rng(1), blurs)
        return np.abs(np.diff(mixed.reshape(-1, 28, 28), axis=1)).mean()

    assert borders(1) > borders(4) > borders(16)


def test_self_contrast_is_the_mean_of_two_images():
    images = np.eye(7)
    other, labels = SelfContrastive().draw(images, np.arange(7), None, np.random.default_rng(1))
    np.testing.assert_array_equal(np.diag(other), np.full(7, 0.5))
    np.testing.assert_array_equal(other.sum(axis=1), np.ones(7))
    assert (np.count_nonzero(other, axis=1) == 2).all()  # itself, and another one
    np.testing.assert_array_equal(labels, np.zeros((7, 1)))
    np.testing.assert_array_equal(SelfContrastive().draw(images[:1], None, None, None)[0], images[:1])


@pytest.mark.slow
@pytest.mark.usefixtures("numpy_target")
def test_neurons_learn_without_labels_to_tell_an_image_from_the_mean_of_two():
    settings = [
        "network.label.strength=0",
        "learning.negatives=self-contrastive",
        "learning.goodness=rectified-mean-square",
        "network.layers.0.neurons=30",
        "learning.epochs=3",
        "data.training_images=300",
        "evaluation.readout_images=300",
        "engine.workers=1",
    ]
    trainer = Trainer(load_protocol("msnn-digits", settings))
    summary = trainer.fit(progress=False)
    history = trainer.history.pivot(index="epoch", columns="quantity", values="value")
    assert history.training_loss.is_monotonic_decreasing
    assert history.right_order.iloc[-1] > 0.9
    assert summary["readout_accuracy"] > 0.5


def test_a_single_image_has_nothing_to_be_mixed_with():
    image = np.random.default_rng(1).random((1, 64))
    np.testing.assert_array_equal(hybrid_images(image, (8, 8), np.random.default_rng(1)), image)
    assert hybrid_images(image[:0], (8, 8), np.random.default_rng(1)).shape == (0, 64)
