"""Two worker processes against one, in training; the weights must be the same bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.measuring import Row, compare
from benchmarks.training import WHAT, Training, protocol


def rows(runs: int) -> Iterator[Row]:
    """Measure with one wrong label, the hardest of four as in msnn-mnist, and all nine as in msnn-mnist-large."""
    for negatives, candidates in (("wrong-label", 1), ("hardest", 4), ("all-candidates", 9)):
        trainings = []
        for workers in (2, 1):
            description = protocol(workers)
            learning = description.learning.replace(negatives=negatives, candidates=candidates)
            trainings.append(Training(description.replace(learning=learning)))
        two, one = trainings
        yield compare(
            f"{WHAT.replace('a pair of presentations', _PRESENTATIONS[negatives])}, 2 workers",
            "1 worker, the same weights bit for bit",
            lambda: 1e6 / two.images_per_second(),  # noqa: B023
            lambda: 1e6 / one.images_per_second(),  # noqa: B023
            "us/image",
            ">= 1.7",
            runs,
        )
        weights = [training.trainer.simulator.layers[0].crossbar.weights for training in trainings]
        np.testing.assert_array_equal(*weights)


_PRESENTATIONS = {
    "wrong-label": "a pair of presentations",
    "hardest": "five presentations",
    "all-candidates": "ten presentations",
}
