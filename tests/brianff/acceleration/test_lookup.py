"""Lookups of compiled code."""

import time
from threading import Thread

import numpy as np

from brianff.acceleration.lookup import Lookup, Segment, SumsOfRows


def test_a_lookup_that_several_threads_use_first_is_right():
    """What compiled code reads is there before anybody uses it: else one thread frees what another reads."""
    drives = SumsOfRows(
        np.random.default_rng(1).uniform(-1, 1, (64, 300)).astype(np.float32),
        np.zeros((1, 300), np.float32),
        np.arange(64),
        np.zeros(64, int),
    )
    edges = np.linspace(-4, 4, 2**17 + 1)  # straight lines of the identity, in memory that goes when it is freed
    coefficients = np.stack([edges[:-1], np.diff(edges)], axis=1)[:, np.newaxis]
    for _ in range(100):
        lookup, sums = Lookup([Segment(-4.0, 4.0, coefficients)] * 3, np.float32), np.empty((8, 64))

        def use(number, lookup=lookup, sums=sums):
            time.sleep(1e-4 * number)
            lookup.sums(drives, sums[number])

        threads = [Thread(target=use, args=(number,)) for number in range(len(sums))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.testing.assert_allclose(sums, np.tile(drives.of_images.sum(axis=1), (len(sums), 1)), atol=2e-2)
