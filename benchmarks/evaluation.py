"""Evaluation with every label: the image's drive computed once against ten independent passes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.measuring import Row, compare, seconds
from benchmarks.recipes import by_voltage
from brianff import Simulator
from brianff.engines.lanes.workers import processors

IMAGES, BATCH, CLASSES = 500, 100, 10


def rows(runs: int) -> Iterator[Row]:
    """Measure the network of msnn-mnist."""
    simulator = Simulator(by_voltage("msnn-mnist").network, seed=1, workers=processors())
    batches = np.random.default_rng(1).random((IMAGES // BATCH, BATCH, simulator.network.pixels))

    def together() -> None:
        for images in batches:
            _ = simulator.present_every_label(images)[0].goodness

    def one_by_one() -> None:
        for images in batches:
            for label in range(CLASSES):
                _ = simulator.present(images, np.full(BATCH, label)).goodness

    milliseconds = 1e3 / IMAGES
    yield compare(
        "evaluation, ten labels each, MIF 784-512, 20 steps",
        "ten independent passes that do not share the image's drive",
        lambda: seconds(together) * milliseconds,
        lambda: seconds(one_by_one) * milliseconds,
        "ms/image",
        ">= 2",
        runs,
    )
