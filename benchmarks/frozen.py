"""Learning of a second layer with the spikes of the frozen first layer kept, against simulating them anew."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measuring import Row, compare, seconds
from benchmarks.training import BATCH, BATCHES, random_images
from brianff.protocols.configuration import load_protocol
from brianff.protocols.trainer import Trainer


class SecondLayer:
    """A trainer of the two-layer protocol, without shifts, whose first layer is frozen.

    Parameters
    ----------
    kept : str
        Memory for kept spikes.
    """

    def __init__(self, kept: str):
        settings = ["data.shift=0", "evaluation.epoch_images=1", f"engine.kept_spikes={kept}"]
        self.trainer = Trainer(load_protocol("msnn-mnist-two-layers", settings), random_images(BATCH * BATCHES))
        self.trainer.simulator.wait_for_workers()

    def run_epoch(self) -> None:
        """Let the second layer learn for one epoch."""
        self.trainer.layer, self.trainer.epoch = 1, 0
        self.trainer.run_epoch()


def rows(runs: int) -> Iterator[Row]:
    """Measure epochs after the first."""
    kept, anew = SecondLayer("512 MiB"), SecondLayer("1 B")
    microseconds = 1e6 / len(kept.trainer.training)
    yield compare(
        "second layer, MIF 512-512, ten presentations per image, spikes of the frozen layer kept",
        "the frozen layer simulated anew",
        lambda: seconds(kept.run_epoch) * microseconds,
        lambda: seconds(anew.run_epoch) * microseconds,
        "us/image",
        "",
        runs,
    )
