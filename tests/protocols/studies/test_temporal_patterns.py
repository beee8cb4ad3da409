import numpy as np

from brianff.protocols.studies.temporal_patterns import CLASSES, temporal_patterns

ORDERS = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


def test_the_order_of_the_groups_is_the_class():
    labels = np.arange(CLASSES)
    raster = temporal_patterns(labels, np.random.default_rng(1), noise=0.0)
    assert raster.shape == (60, 6, 60)
    assert (raster.sum(axis=0) == 1).all()
    times = np.argmax(raster, axis=0).reshape(6, 3, 20).mean(axis=2)
    assert [tuple(order) for order in np.argsort(times, axis=1)] == ORDERS


def test_counts_do_not_depend_on_the_class():
    labels = np.repeat(np.arange(CLASSES), 400)
    counts = temporal_patterns(labels, np.random.default_rng(1)).sum(axis=0).reshape(6, 400, 3, 20)
    per_group = counts.sum(axis=3).mean(axis=1)  # 20 pattern spikes and about 12 random ones
    assert np.abs(per_group - per_group.mean()).max() < 5 * counts.sum(axis=3).std() / 20
