"""Robustness: what imperfect synaptic devices cost, and how much of it learning in place wins back.

For each seed a network learns with ideal bounded devices. Its weights are then programmed, with verification, into
devices that differ in one property; faults strike and time passes. The accuracy is measured at once, and again after
the network has learned in place, with these devices, by open-loop pulses.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import ohm

from brianff.crossbar.crossbar import DeviceCrossbar, make_crossbar
from brianff.data.split import Split
from brianff.description.device import Device
from brianff.equations.devices import PCM
from brianff.protocols.configuration import Protocol, load_protocol
from brianff.protocols.digital_support import digital_support
from brianff.protocols.studies.study import Map, Study, loaded, measure_points
from brianff.protocols.trainer import Trainer
from brianff.storage.checkpoint import load_checkpoint, save_checkpoint

__all__ = ["FULL", "QUICK", "Imperfection", "Size", "imperfections", "run_study"]

DAY = 86_400.0


@dataclass(frozen=True)
class Size:
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
        """Return the protocol of training with ideal devices, or of learning in place with imperfect ones.

        The latter takes smaller steps, of which two sizes were compared; the choice was made on validation images.
        """
        settings = (
            f"seed={seed}",
            f"data.training_images={self.training_images}",
            f"network.layers.0.neurons={self.neurons}",
            "network.layers.0.weight_bound=0.2",
            "network.layers.0.device.preset=ideal",
            f"learning.epochs={self.learning_epochs if learning else self.reference_epochs}",
            f"learning.learning_rate={5e-4 if learning else 2e-3}",
            "evaluation.epoch_images=1",
        )
        return load_protocol("msnn-mnist", settings)


FULL = Size()
QUICK = Size(seeds=(1,), neurons=100, training_images=3_000, test_images=1_000, reference_epochs=3, coarse=True)


@dataclass(frozen=True)
class Imperfection:
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
    reads : float
        Read pulses on each device between programming and reading.
    """

    property: str
    value: float
    device: Device
    stuck: float = 0.0
    seconds: float = 0.0
    reads: float = 0.0


def imperfections(coarse: bool = False) -> list[Imperfection]:
    """Return the devices of the study: one property at a time differs from a linear device of 256 levels.

    The drift is that of the preset `pcm`, with its source. The creep by reads has no figure from a source: after a
    million reads, the value is its mean and its deviation between devices, as shares of the way to the upper end.
    """

    def device(**parameters: Any) -> Device:
        return Device(preset="linear", parameters={"levels_up": 256.0, "levels_down": 256.0, **parameters})

    drift = {name: one.value for name, one in PCM.parameters.items() if name.startswith("drift")}
    varied: dict[str, tuple[Sequence[float], Callable[[float], dict[str, Any]]]] = {
        "levels": ((4, 8, 16, 32, 64, 256, 1024), lambda value: {"device": device(levels_up=value, levels_down=value)}),
        "nonlinearity": (
            (0, 1, 2, 3, 4, 5, 6),
            lambda value: {"device": device(nonlinearity_up=value, nonlinearity_down=-value)},
        ),
        "cycle spread": ((0, 0.5, 1, 2, 4, 8, 16), lambda value: {"device": device(cycle_spread=value)}),
        "device spread": ((0, 0.1, 0.2, 0.4, 0.6, 0.8, 1), lambda value: {"device": device(device_spread=value)}),
        "stuck share": ((0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3), lambda value: {"device": device(), "stuck": value}),
        "one-sided pairs": (
            (0.05, 0.1, 0.3, 0.75),
            lambda value: {"device": device(one_sided=1.0, refresh_upper=value, refresh_lower=value / 3)},
        ),
        "pulses endured": (
            (10, 30, 100, 300),
            lambda value: {"device": device(endurance=value, endurance_log_spread=0.5)},
        ),
        "wire resistance": ((0.1, 0.3, 1, 3), lambda value: {"device": device(wire_resistance=value * ohm)}),
        "read levels": ((4, 8, 16, 32, 64), lambda value: {"device": device(read_levels=value)}),
        "read disturb": (
            (0, 0.01, 0.03, 0.1, 0.3, 1),
            lambda value: {"device": device(read_disturb=value, read_disturb_spread=value), "reads": 1e6},
        ),
        "drift time": (
            (0, 60, 3600, DAY, 30 * DAY, 365 * DAY, 3650 * DAY),
            lambda value: {"device": device(**drift), "seconds": value},
        ),
    }
    return [
        Imperfection(name, float(value), **fields(float(value)))
        for name, (values, fields) in varied.items()
        for value in values[:: 2 if coarse else 1]
    ]


def run_study(
    directory: Path,
    quick: bool = False,
    data_dir: Path | None = None,
    progress: bool = True,
    map: Map = builtins.map,
) -> Study:
    """Return the study, with the table "robustness"; quick: the size QUICK instead of FULL."""
    size = QUICK if quick else FULL
    varied = {(one.property, one.value): one for one in imperfections(size.coarse)}
    trainer = _trainer(size, size.seeds[0], data_dir)
    settings = {
        "size": asdict(size),
        "protocol": trainer.protocol.model_dump(mode="json"),
        "digital_support": digital_support(trainer.protocol, trainer.simulator),
        "points": [{**asdict(one), "device": one.device.model_dump(mode="json")} for one in varied.values()],
    }
    study = Study(directory, settings)

    # Weights learned with ideal devices are kept in the study's directory.
    references = {seed: study.directory / f"reference-seed{seed}.npz" for seed in size.seeds}
    missing = [{"seed": seed} for seed, path in references.items() if not path.exists()]
    for point, learned in measure_points(missing, partial(_reference, size, data_dir), map):
        save_checkpoint(references[point["seed"]], {"weights_0": learned}, dict(point))
    weights = {seed: load_checkpoint(path)[0]["weights_0"] for seed, path in references.items()}

    def measure(property: str, value: float, seed: int) -> Iterator[dict[str, Any]]:
        trainer = _trainer(size, seed, data_dir)
        return _measure(trainer, trainer.held_out.first(size.test_images), varied[property, value], weights[seed])

    points = [{"property": name, "value": value, "seed": seed} for seed in size.seeds for name, value in varied]
    study.fill("robustness", points, measure, progress, map)
    return study


@lru_cache(1)
def _trainer(size: Size, seed: int, data_dir: Path | None) -> Trainer:
    """Return a trainer that learns in place; the last one is kept for the next point."""
    return Trainer(size.protocol(seed, learning=True), loaded("mnist", data_dir))


def _reference(size: Size, data_dir: Path | None, seed: int) -> np.ndarray:
    """Return the weights learned with ideal devices."""
    trainer = Trainer(size.protocol(seed, learning=False), loaded("mnist", data_dir))
    while not trainer.finished:
        trainer.run_epoch()
    return trainer.simulator.layers[0].crossbar.weights


def _measure(trainer: Trainer, test: Split, one: Imperfection, weights: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield the accuracy, and the pulses per weight spent on it, before and after learning in place."""
    simulator = trainer.simulator
    simulator.streams.restore({})  # every point draws the same, whatever was measured before
    crossbar = _programmed(trainer, one, weights)
    simulator.layers[0].crossbar = crossbar
    for learning in (0, 1):
        if learning:
            crossbar.devices.counts[:] = 0
            trainer._start_layer(0)
            while not trainer.finished:
                trainer.run_epoch()
        pulses = float(crossbar.devices.counts[:2].sum() / crossbar.fan_out.sum())
        yield {"learning": learning, "accuracy": trainer.evaluate(test), "pulses_per_weight": pulses}


def _programmed(trainer: Trainer, one: Imperfection, weights: np.ndarray) -> DeviceCrossbar:
    """Return a crossbar of imperfect devices with the weights programmed and its faults in force."""
    layer, given = trainer.protocol.network.layers[0], trainer.simulator.layers[0].crossbar
    verified = one.device.replace(programming="program-and-verify", verify_rounds=10)
    crossbar = make_crossbar(
        layer.replace(device=verified), weights.shape, trainer.simulator.streams, 0, given.connected
    )
    assert isinstance(crossbar, DeviceCrossbar)
    crossbar.devices.counts[:] = 0
    crossbar.program(weights - crossbar.weights)
    crossbar.device = one.device
    crossbar.stick(on=one.stuck / 2, off=one.stuck / 2)
    if one.seconds:
        crossbar.drift(one.seconds)
    crossbar.disturb(one.reads)
    return crossbar
