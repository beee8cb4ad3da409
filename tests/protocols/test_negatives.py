"""Negatives never carry the true label, and all wrong labels are equally likely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brianff.errors import ConfigurationError
from brianff.protocols.negatives import hardest, wrong_labels


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
