"""The STDP layer: learning keeps its bounds, evaluating changes nothing, one winner silences the others."""

import numpy as np
import pytest

from brianff.protocols.studies.stdp_layer import StdpLayer

pytestmark = pytest.mark.usefixtures("numpy_target")


@pytest.fixture
def raster():
    return np.random.default_rng(1).random((60, 6, 40)) < 0.1


def layer(**parameters):
    return StdpLayer(40, 8, 60, rest_steps=20, seed=1, gain=10.0, eta_post=0.1, **parameters)


def test_learning_is_bounded_normalised_and_repeatable(raster):
    first, second = layer(), layer()
    counts = first.present(raster, learn=True)
    np.testing.assert_array_equal(second.present(raster, learn=True), counts)
    np.testing.assert_array_equal(first.weights, second.weights)
    assert counts.sum() > 0
    assert (first.weights != layer().weights).any()
    assert 0 <= first.weights.min() <= first.weights.max() <= 1


def test_without_learning_presentations_are_independent(raster):
    tested = layer()
    tested.present(raster, learn=True)
    before = tested.weights.copy()
    counts = tested.present(raster, learn=False)
    backwards = tested.present(raster[:, ::-1], learn=False)
    np.testing.assert_array_equal(tested.weights, before)
    np.testing.assert_array_equal(counts, backwards[::-1])


def test_inhibition_leaves_fewer_spikes(raster):
    inhibited = layer().present(raster, learn=False).sum()
    free = layer(inhibition=0.0).present(raster, learn=False).sum()
    assert 0 < inhibited < free / 2


def test_nothing_presented():
    assert layer().present(np.zeros((60, 0, 40), dtype=bool), learn=True).shape == (0, 8)
