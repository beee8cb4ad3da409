"""The response engine: against lanes, against the matrix products alone, and what a second thread gains."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.measuring import Row, compare, of_an_epoch, seconds
from benchmarks.recipes import LARGE_SETTINGS, by_voltage
from benchmarks.training import BATCHES, random_images
from brianff import Simulator
from brianff.acceleration.matrix_products import product
from brianff.data import load_dataset
from brianff.engines.lanes.workers import processors
from brianff.errors import DataError
from brianff.protocols.trainer import Trainer

BATCH, INPUTS, NEURONS = 512, 794, 1024
IMAGES, TRAINED_EPOCHS = 30_720, 3
LARGE = "MNIST training, 784-1,024 MIF, mean square, ideal weights, shifted, nine wrong labels for each image, single"
SETTINGS = (
    "network.layers.0.preset=kang-2021",
    "learning.goodness=mean-square",
    "learning.threshold=10.0",
    "learning.learning_rate=4e-3",
    "data.augmentation=[]",
    "data.shift=2",
    "evaluation.decision=log-odds",
    "evaluation.epoch_images=1",
    "callbacks=[]",
)
"""The protocol as it was when the first figures were measured: spikes deciding and devices came later."""


class Training:
    """A trainer of msnn-mnist-large on an engine, whose speed can be measured again and again."""

    def __init__(self, engine: str, workers: int, *more: str, dataset=None):
        settings = [*SETTINGS, f"engine.name={engine}", f"engine.workers={workers}", *more]
        protocol = by_voltage("msnn-mnist-large", [*LARGE_SETTINGS, *settings])
        layer = protocol.network.layers[0].replace(device=None, weight_bound=0.6)
        protocol = protocol.replace(network=protocol.network.replace(layers=[layer]))
        self.trainer = Trainer(protocol, dataset or random_images(BATCH * BATCHES))
        self.trainer.build()
        self.trainer.simulator.wait_for_workers()

    def microseconds(self) -> float:
        """Train for one epoch and return the time for each image, without the accuracy that follows."""
        self.trainer.epoch = min(self.trainer.epoch, self.trainer.protocol.learning.epochs - 2)
        return of_an_epoch(self.trainer)


def products(threads: int) -> float:
    """Return the time for each image of the two matrix products of a batch, in microseconds."""
    generator = np.random.default_rng(1)
    images, weights, factors = (
        generator.random(shape, dtype=np.float32) for shape in ((BATCH, INPUTS), (INPUTS, NEURONS), (BATCH, NEURONS))
    )

    def both() -> None:
        product(images, weights, threads)
        product(images.T, factors, threads)

    return 1e6 * seconds(lambda: [both() for _ in range(BATCHES)]) / BATCHES / BATCH


def rows(runs: int) -> Iterator[Row]:
    """Measure training and evaluation."""
    threads = processors()
    response, alone = Training("response", threads), Training("response", 1)
    lanes = Training("lanes", threads)
    ours, unit = f"{LARGE}, response, {threads} threads", "us/image"
    yield compare(ours, f"lanes, {threads} workers", response.microseconds, lanes.microseconds, unit, ">= 4", runs)
    limit = "the two matrix products alone"
    for training, count in ((response, threads), (alone, 1)):
        yield compare(
            f"{LARGE}, response, {count} threads",
            f"{limit}, {count} threads",
            training.microseconds,
            lambda: products(count),  # noqa: B023
            unit,
            "<= 2",
            runs,
            faster=False,
        )
    yield compare(ours, "1 thread", response.microseconds, alone.microseconds, unit, "as the products", runs)
    yield compare(
        f"{limit}, {threads} threads", "1 thread", lambda: products(threads), lambda: products(1), unit, "", runs
    )
    yield from _with_tiny_modulators_left_out(threads, lanes, runs)
    yield from _evaluation(threads, runs)


def _with_tiny_modulators_left_out(threads: int, lanes: Training, runs: int) -> Iterator[Row]:
    """Measure on MNIST, after some epochs: which modulators are tiny depends on what was learned."""
    setting = 'learning.plasticity={name="modulated-hebbian",least=1e-3}'
    try:
        mnist = load_dataset("mnist")
    except DataError:  # not on this machine
        return
    skipping = Training("response", threads, setting, f"data.training_images={IMAGES}", dataset=mnist)
    for _ in range(TRAINED_EPOCHS):
        skipping.trainer.run_epoch()
    yield compare(
        f"{LARGE}, response, {threads} threads, modulators below 1e-3 of the largest left out, from epoch 4 on",
        f"lanes, {threads} workers",
        skipping.microseconds,
        lanes.microseconds,
        "us/image",
        ">= 6",
        runs,
    )


def _evaluation(threads: int, runs: int) -> Iterator[Row]:
    network = by_voltage("msnn-mnist").network
    layer = network.layers[0].replace(device=None, neurons=512)
    network = network.replace(layers=[layer])
    images = np.random.default_rng(1).random((5, 100, network.pixels))

    def evaluated(engine: str):
        simulator = Simulator(network, seed=1, workers=threads, engine=engine)
        return lambda: 1e3 / 500 * seconds(lambda: [_goodness(simulator, batch) for batch in images])

    yield compare(
        f"evaluation, ten labels each, MIF 784-512, double, response, {threads} threads",
        f"lanes, {threads} workers",
        evaluated("response"),
        evaluated("lanes"),
        "ms/image",
        ">= 5",
        runs,
    )


def _goodness(simulator: Simulator, images: np.ndarray) -> np.ndarray:
    return simulator.present_every_label(images)[0].goodness
