"""MNIST-sized training of one MIF layer against PyTorch and against plain Brian2: pairs of presentations per second.

Each trains 784 - 512 on random images, batch 128, one wrong label for each image, 20 steps, Adam.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from benchmarks.measuring import Row, compare, of_an_epoch
from benchmarks.recipes import by_voltage
from brianff.data.split import Dataset, Split
from brianff.engines.lanes.workers import processors
from brianff.protocols.configuration import Protocol
from brianff.protocols.trainer import Trainer

BATCH, BATCHES = 128, 10
DOUBLE_BARS = {">= 3": ">= 1.5", ">= 30": ""}
"""Bars of double precision, against opponents in single, by those of single precision."""

WHAT = "MNIST training, MIF 784-512, a pair of presentations per image, 20 steps, Adam"


def protocol(workers: int | None, precision: str = "double") -> Protocol:
    """Return the protocol: msnn-mnist with one random wrong label for each image."""
    settings = ["learning.negatives=wrong-label", "evaluation.epoch_images=1", f"engine.precision={precision}"]
    return by_voltage("msnn-mnist", settings + ([f"engine.workers={workers}"] if workers else []))


def random_images(count: int) -> Dataset:
    """Return images of random pixels, a fifth of them lit as in MNIST: speed does not depend on what they show."""
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (count, 784)) * (generator.random((count, 784)) < 0.2)
    split = Split(pixels.astype(np.uint8), generator.integers(0, 10, count))
    return Dataset("random", split, split, (28, 28), 10, "none: random")


class Training:
    """A trainer whose speed can be measured again and again.

    Parameters
    ----------
    description : Protocol
    """

    def __init__(self, description: Protocol):
        self.trainer = Trainer(description, random_images(description.learning.batch * BATCHES))
        self.trainer.simulator.wait_for_workers()

    def images_per_second(self) -> float:
        """Train for one epoch and return its speed, without the accuracy that follows each epoch."""
        self.trainer.epoch = 0
        return 1e6 / of_an_epoch(self.trainer)


def rows(runs: int) -> Iterator[Row]:
    """Measure against each of the opponents; against PyTorch, which computes in single precision, in both."""
    from benchmarks import plain_brian2, pytorch

    threads = processors()
    trainings = {precision: Training(protocol(threads, precision)) for precision in ("double", "single")}
    opponents = [
        ("PyTorch, autograd, input product at every step, state detached", pytorch.Autograd(threads), ">= 30"),
        ("PyTorch without autograd, drive computed once", pytorch.ByHand(threads), ""),
        ("PyTorch without autograd, drive computed once, torch.compile", pytorch.Compiled(threads), ">= 3"),
        ("PyTorch without autograd, responses looked up in a table too", pytorch.LookedUp(threads), ""),
        ("plain Brian2, one run() per presentation, Synapses (no learning)", plain_brian2.Network(), ">= 500"),
    ]
    for (against, opponent, bar), (precision, ours) in itertools.product(opponents, trainings.items()):
        yield compare(
            f"{WHAT}, {threads} workers, {precision} precision",
            f"{against}, {threads} threads" if "PyTorch" in against else against,
            lambda: 1e6 / ours.images_per_second(),  # noqa: B023
            lambda: 1e6 / opponent.images_per_second(),  # noqa: B023
            "us/image",
            DOUBLE_BARS.get(bar, bar) if precision == "double" else bar,
            runs,
        )
