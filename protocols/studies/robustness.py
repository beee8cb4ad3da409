"""Robustness: what imperfect synaptic devices cost, and how much of it learning in place wins back.

For each seed a network learns with ideal bounded devices. Its weights are then programmed, with verification, into
devices that differ in one property; faults strike and time passes. The accuracy is measured at once, and again after
the network has gone on learning with these devices, by open-loop pulses.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brianff.crossbar.crossbar import DeviceCrossbar, make_crossbar
from brianff.data.named import load_dataset
from brianff.data.split import Dataset
from brianff.description.device import Device
from brianff.errors import ConfigurationError
from brianff.progress import Progress
from brianff.protocols.configuration import Protocol, load_protocol
from brianff.protocols.digital_support import digital_support
from brianff.protocols.trainer import Trainer
from brianff.storage.checkpoint import load_checkpoint, save_checkpoint, write_atomically

__all__ = ["FULL", "QUICK", "Point", "Study", "points", "run"]

DAY = 86_400.0
FIELDS = ("property", "value", "seed", "learning", "accuracy", "pulses_per_weight")


@dataclass(frozen=True)
class Study:
    """Size of the study.

    Parameters
    ----------
    seeds : tuple of int
    neurons, training_images, test_images : int
    reference_epochs, learning_epochs : int
        Epochs with ideal devices, and in place with imperfect ones.
    coarse : bool
        Only every second value of each property.
    """

    seeds: tuple[int, ...] = (1, 2, 3)
    neurons: int = 200
    training_images: int = 10_000
    test_images: int = 2_000
    reference_epochs: int = 4
    learning_epochs: int = 1
    coarse: bool = False

    def protocol(self, seed: int, learning: bool) -> Protocol:
        """Return the protocol of training with ideal devices, or of going on learning with imperfect ones.

        The latter takes smaller steps, of which two sizes were compared; the choice was made on validation images.
        """
        settings = (
            f"seed={seed}",
            f"data.training_images={self.training_images}",
            f"network.layers.0.neurons={self.neurons}",
            "network.layers.0.weight_bound=0.2",
            "network.layers.0.device.preset=ideal",
            f"learning.epochs={self.learning_epochs if learning else self.reference_epochs}",
            f"learning.step_size={5e-4 if learning else 2e-3}",
            "evaluation.epoch_images=1",
        )
        return load_protocol("msnn-mnist", settings)


FULL = Study()
QUICK = Study(seeds=(1,), neurons=100, training_images=3_000, test_images=1_000, reference_epochs=3, coarse=True)


@dataclass(frozen=True)
class Point:
    """One kind of imperfect device.

    Parameters
    ----------
    property : str
        What is varied.
    value : float
    device : Device
    stuck : float
        Share of devices that stick, half of them at each end, after the weights were programmed.
    seconds : float
        Time that passes between programming and reading.
    """

    property: str
    value: float
    device: Device
    stuck: float = 0.0
    seconds: float = 0.0


def points(coarse: bool = False) -> list[Point]:
    """Return the devices of the study: one property at a time differs from a linear device of 256 levels."""

    def device(**parameters: float) -> Device:
        return Device(preset="linear", parameters={"levels_up": 256.0, "levels_down": 256.0, **parameters})

    values: dict[str, Sequence[float]] = {
        "levels": (4, 8, 16, 32, 64, 256, 1024),
        "nonlinearity": (0, 1, 2, 3, 4, 5, 6),
        "cycle spread": (0, 0.5, 1, 2, 4, 8, 16),
        "device spread": (0, 0.1, 0.2, 0.4, 0.6, 0.8, 1),
        "stuck share": (0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
        "drift time": (0, 60, 3600, DAY, 30 * DAY, 365 * DAY, 3650 * DAY),
    }
    drift = {"drift_exponent": 0.06, "drift_spread": 0.03}
    make = {
        "levels": lambda value: Point("levels", value, device(levels_up=value, levels_down=value)),
        "nonlinearity": lambda value: Point(
            "nonlinearity", value, device(nonlinearity_up=value, nonlinearity_down=-value)
        ),
        "cycle spread": lambda value: Point("cycle spread", value, device(cycle_spread=value)),
        "device spread": lambda value: Point("device spread", value, device(device_spread=value)),
        "stuck share": lambda value: Point("stuck share", value, device(), stuck=value),
        "drift time": lambda value: Point("drift time", value, device(**drift), seconds=value),
    }
    return [make[name](float(value)) for name in values for value in values[name][:: 2 if coarse else 1]]


def run(study: Study, out: Path, data_dir: Path | None = None, progress: bool = True) -> Path:
    """Run what is missing of the study and return the path of its table, robustness.csv.

    Parameters
    ----------
    study : Study
    out : Path
        Directory of the study; a study that was stopped there goes on.
    data_dir : Path, optional
        Where the data sets are.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ConfigurationError
        If the directory holds a study of another size.
    """
    dataset = load_dataset("mnist", data_dir)
    out.mkdir(parents=True, exist_ok=True)
    _claim(study, out, dataset)
    table = out / "robustness.csv"
    rows = _read(table)
    done = {(row[0], float(row[1]), int(row[2])) for row in rows}
    wanted = points(study.coarse)
    total = len(study.seeds) * len(wanted)
    with Progress(total, None, enabled=progress, unit="points", initial=len(done)) as bar:
        for seed in study.seeds:
            missing = [point for point in wanted if (point.property, point.value, seed) not in done]
            if not missing:
                continue
            bar.stage(f"seed {seed}: training with ideal devices")
            weights = _reference(study, seed, dataset, out)
            trainer = Trainer(study.protocol(seed, learning=True), dataset)
            for point in missing:
                bar.stage(f"seed {seed}: {point.property} {point.value:g}")
                for learning, accuracy, pulses in _measure(trainer, study, point, weights):
                    rows.append((point.property, repr(point.value), seed, int(learning), accuracy, pulses))
                _write(table, rows)
                bar.advance()
    return table


def _claim(study: Study, out: Path, dataset: Dataset) -> None:
    """Write what the study is, or check that the directory is of the same study."""
    trainer = Trainer(study.protocol(study.seeds[0], learning=True), dataset)
    content = {
        "study": {name: getattr(study, name) for name in study.__dataclass_fields__},
        "protocol": trainer.protocol.model_dump(mode="json"),
        "digital_support": digital_support(trainer.protocol, trainer.simulator),
        "points": [
            {"property": point.property, "value": point.value, "device": point.device.model_dump(mode="json")}
            for point in points(study.coarse)
        ],
    }
    text = json.dumps(content, indent=2, default=list) + "\n"
    path = out / "study.json"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise ConfigurationError(f"{out} holds another robustness study; choose another directory with --out")
    write_atomically(path, text.encode())


def _reference(study: Study, seed: int, dataset: Dataset, out: Path) -> np.ndarray:
    """Return the weights learned with ideal devices; they are kept in the study's directory."""
    path = out / f"reference-seed{seed}.npz"
    if path.exists():
        return load_checkpoint(path)[0]["weights_0"]
    trainer = Trainer(study.protocol(seed, learning=False), dataset)
    while not trainer.finished:
        trainer.run_epoch()
    save_checkpoint(path, {"weights_0": trainer.simulator.layers[0].crossbar.weights}, {"seed": seed})
    return trainer.simulator.layers[0].crossbar.weights


def _measure(trainer: Trainer, study: Study, point: Point, weights: np.ndarray) -> Iterator[tuple[bool, float, float]]:
    """Yield whether the network went on learning, its accuracy, and the pulses per weight spent on it."""
    simulator, test = trainer.simulator, trainer.held_out.first(study.test_images)
    simulator.streams.restore({})  # every point draws the same, whatever was measured before
    crossbar = _program(trainer, point, weights)
    simulator.layers[0].crossbar = crossbar
    yield False, trainer.evaluate(test), float(crossbar.devices.counts[:2].sum() / weights.size)
    crossbar.devices.counts[:] = 0
    trainer.layer = trainer.epoch = 0
    while not trainer.finished:
        trainer.run_epoch()
    yield True, trainer.evaluate(test), float(crossbar.devices.counts[:2].sum() / weights.size)


def _program(trainer: Trainer, point: Point, weights: np.ndarray) -> DeviceCrossbar:
    """Return a crossbar of the point's devices with the weights programmed and its faults in force."""
    layer = trainer.protocol.network.layers[0]
    verified = point.device.replace(programming="program-and-verify", verify_rounds=10)
    crossbar = make_crossbar(layer.replace(device=verified), weights.shape, trainer.simulator.streams, 0)
    assert isinstance(crossbar, DeviceCrossbar)
    crossbar.devices.counts[:] = 0
    crossbar.program(weights - crossbar.weights)
    crossbar.device = point.device
    crossbar.stick(on=point.stuck / 2, off=point.stuck / 2)
    if point.seconds:
        crossbar.drift(point.seconds)
    return crossbar


def _read(path: Path) -> list[tuple]:
    if not path.exists():
        return []
    return [tuple(row[field] for field in FIELDS) for row in csv.DictReader(path.open(encoding="utf-8", newline=""))]


def _write(path: Path, rows: list[tuple]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([FIELDS, *rows])
    write_atomically(path, text.getvalue().encode())
