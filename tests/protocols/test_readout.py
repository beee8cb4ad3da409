import numpy as np
import pytest

from brianff.protocols.readout import linear_readout, majority_readout

LABELS = np.array([3, 3, 7, 7, 7])
COUNTS = np.array([[5, 0, 0, 1], [4, 1, 0, 1], [0, 3, 0, 1], [1, 2, 0, 1], [0, 4, 0, 1]], dtype=float)


def test_majority_readout():
    """Neuron 0 belongs to class 3, neuron 1 to class 7, neuron 2 never fires, neuron 3 does not care (3 is first)."""
    presented = np.array([[2.0, 0, 9, 0], [0, 2, 0, 0], [3, 2, 0, 0], [0, 2, 0, 5]])
    # class 3 averages neurons 0 and 3: 1, 0, 1.5, 2.5; class 7 has neuron 1: 0, 2, 2, 2
    assert majority_readout(COUNTS, LABELS, presented, np.array([3, 7, 7, 3])) == 1.0
    assert majority_readout(COUNTS, LABELS, presented, np.array([7, 7, 7, 3])) == 0.75


def test_linear_readout():
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 300)
    features = np.eye(3)[labels] + generator.normal(0, 0.1, (300, 3))
    assert linear_readout(features[:200], labels[:200], features[200:], labels[200:]) == 1.0
    shuffled = generator.permutation(labels)
    assert linear_readout(features[:200], shuffled[:200], features[200:], labels[200:]) < 0.6
    assert linear_readout(1e6 * features[:200], labels[:200], 1e6 * features[200:], labels[200:]) == 1.0


def test_readouts_of_nothing():
    for readout in (linear_readout, majority_readout):
        assert np.isnan(readout(COUNTS, LABELS, COUNTS[:0], LABELS[:0]))
    assert linear_readout(COUNTS, np.full(5, 3), COUNTS, LABELS) == pytest.approx(0.4)  # only one class was seen
