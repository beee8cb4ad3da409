"""Two images one after the other: the response engine against steps of .2 us, in lanes and in PyTorch.

Each trains 784 - 1,024 on random pairs of images, one wrong label for each pair, 80 us.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measuring import Row, compare, of_an_epoch
from benchmarks.training import random_images
from brianff.engines.lanes.workers import processors
from brianff.protocols.configuration import load_protocol
from brianff.protocols.trainer import Trainer

WHAT = (
    "MNIST-sized task of order, MIF 784-1,024, ideal weights, two images 40 us apart, a pair of presentations per pair "
    "of images, response"
)
FINE = (
    "network.time_step=0.2 us",
    "network.encoding.steps=400",
    "network.encoding.onset_steps=[0, 200]",
    "engine.name=lanes",
)


class Training:
    """A trainer of msnn-order-mnist whose speed can be measured again and again."""

    def __init__(self, batches: int, *settings: str):
        settings = ("learning.negatives=wrong-label", "evaluation.epoch_images=2", *settings)
        protocol = load_protocol("msnn-order-mnist", settings).without_devices()
        self.trainer = Trainer(protocol, random_images(protocol.learning.batch * batches))
        self.trainer.simulator.wait_for_workers()

    def microseconds(self) -> float:
        """Train for one epoch and return the time for each pair of images, without the accuracy that follows."""
        self.trainer.epoch = 0
        return of_an_epoch(self.trainer)


def rows(runs: int) -> Iterator[Row]:
    """Measure against lanes and against PyTorch, which has the simpler goodness, mean square."""
    from benchmarks import pytorch_frames

    threads = processors()
    torch = pytorch_frames.Training(threads)
    for precision in ("double", "single"):
        settings = f"engine.workers={threads}", f"engine.precision={precision}"
        ours, lanes = Training(10, *settings), Training(3, *settings, *FINE)
        opponents = {
            f"lanes at .2 us, {precision} precision, {threads} workers": lanes.microseconds,
            f"PyTorch without autograd, torch.compile, .2 us, float32, {threads} threads": torch.microseconds,
        }
        for against, theirs in opponents.items():
            what = f"{WHAT}, {precision} precision, {threads} threads"
            yield compare(what, against, ours.microseconds, theirs, "us/pair of images", ">= 10", runs)
