"""The spiking models of arXiv 2406.16479, batched and online, against the same in PyTorch as published."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from benchmarks.measuring import Row, compare
from benchmarks.pytorch_neohebbian import Published
from benchmarks.training import random_images
from brianff.engines.lanes.workers import processors
from brianff.protocols.configuration import load_protocol
from brianff.protocols.polarity import RandomPolarityTrainer

FORMS = {
    # protocol: in words, images of a run in PyTorch
    "neohebbian-online-symmetric": ("online, LIF 884-200, batch of one, 23 + 20 steps, plasticity at 7 steps", 50),
    "neohebbian-batched-symmetric": ("batched, LIF 884-200, batch 50, 23 + 20 steps, plasticity at 7 steps", 100),
}


class Training:
    """A trainer whose speed can be measured again and again.

    Parameters
    ----------
    name : str
        Name of the protocol.
    precision : {"double", "single"}
    """

    def __init__(self, name: str, precision: str):
        protocol = load_protocol(name, ["evaluation.epoch_images=1", f"engine.precision={precision}"])
        self.trainer = RandomPolarityTrainer(protocol, random_images(60_000))
        self.trainer.build()

    def seconds_per_sample(self) -> float:
        """Train for one epoch, as long as MNIST's; return the time of a sample, without the accuracy that follows."""
        times = [time.perf_counter()]
        self.trainer.layer = self.trainer.epoch = 0
        self.trainer.run_epoch(lambda images, figures: times.append(time.perf_counter()))
        return (times[-1] - times[0]) / len(self.trainer.training)


def rows(runs: int) -> Iterator[Row]:
    """Measure both forms, in both precisions."""
    threads = processors()
    for (name, (words, images)), precision in itertools.product(FORMS.items(), ("double", "single")):
        ours = Training(name, precision)
        published = Published(ours.trainer.protocol.learning.batch, threads, images)
        yield compare(
            f"neo-Hebbian training, {words}, {precision} precision",
            f"PyTorch as published, {threads} threads",
            lambda: 1e3 * ours.seconds_per_sample(),  # noqa: B023
            lambda: 1e3 * published.seconds_per_sample(),  # noqa: B023
            "ms/sample",
            ">= 20",
            runs,
        )
