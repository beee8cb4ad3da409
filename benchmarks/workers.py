"""Two workers against one, in training; the weights must be the same bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.measuring import Row, compare
from benchmarks.recipes import LARGE_SETTINGS, by_voltage
from benchmarks.training import WHAT, Training, protocol
from brianff.protocols.configuration import Protocol


def rows(runs: int) -> Iterator[Row]:
    """Measure msnn-mnist with one, four and nine wrong labels for each image, and what `reproduce msnn` trains."""
    for what, descriptions in _descriptions():
        two, one = map(Training, descriptions)
        yield compare(
            f"{what}, 2 workers",
            "1 worker, the same weights bit for bit",
            lambda: 1e6 / two.images_per_second(),  # noqa: B023
            lambda: 1e6 / one.images_per_second(),  # noqa: B023
            "us/image",
            ">= 1.7",
            runs,
        )
        weights = [training.trainer.simulator.layers[0].crossbar.weights for training in (two, one)]
        np.testing.assert_array_equal(*weights)


def _descriptions() -> Iterator[tuple[str, list[Protocol]]]:
    """Yield what is trained, with two workers and with one."""
    for presentations, negatives, candidates in (
        ("a pair of", "wrong-label", 1),
        ("five", "hardest", 4),
        ("ten", "all-candidates", 9),
    ):
        settings = {"negatives": negatives, "candidates": candidates}
        both = [protocol(workers) for workers in (2, 1)]
        yield (
            WHAT.replace("a pair of", presentations),
            [one.replace(learning=one.learning.replace(**settings)) for one in both],
        )
    settings = ["evaluation.epoch_images=1"]
    large = [
        by_voltage("msnn-mnist-large", [*LARGE_SETTINGS, *settings, f"engine.workers={workers}"]) for workers in (2, 1)
    ]
    yield "MNIST training, protocol msnn-mnist-large, 1,024 MIF neurons, ten presentations per image", large
