"""The ladder of locality: what each help beside the devices is worth, from Adam down to what a chip could do.

Each rung trains the same layer on the same images; it lists what it needs beside crossbars and neurons, and what
learning an image costs. Settings of each rung were chosen on held-out training images, `docs/results/devices.md`.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from brianff.crossbar.crossbar import DeviceCrossbar
from brianff.description.device import Device
from brianff.energy import measure as measure_energy
from brianff.energy import programming_energy
from brianff.protocols.configuration import Protocol, load_protocol
from brianff.protocols.digital_support import digital_support
from brianff.protocols.negatives import wrong_labels
from brianff.protocols.optimisers import SecondPair
from brianff.protocols.studies.study import Map, Study, loaded
from brianff.protocols.trainer import Trainer

__all__ = ["DEVICES", "FULL", "QUICK", "RUNGS", "Size", "run_study"]

_ADAM = ('learning.optimiser="adam"', "learning.learning_rate=2e-3")
_SEARCHED = ('learning.negatives="hardest"', "learning.candidates=4")
_FALLING = ('learning.schedule="cosine"',)

RUNGS: dict[str, tuple[str, ...]] = {
    "Adam": (*_ADAM, "learning.batch=32", *_SEARCHED, *_FALLING),
    "batch sums": ("learning.learning_rate=1e-2", "learning.batch=32", *_SEARCHED, *_FALLING),
    "one image": ("learning.learning_rate=4e-4", *_SEARCHED, *_FALLING),
    "one image, second pair": (
        'learning.optimiser={name="second-pair",learning_rate=1e-3,gain=0.03,threshold=0.01,rows=32}',
        *_SEARCHED,
        *_FALLING,
    ),
    "one image, threshold": (
        'learning.optimiser={name="threshold-pulses",learning_rate=6e-4,threshold=0.3}',
        *_SEARCHED,
        *_FALLING,
    ),
    "negatives drawn": ("learning.learning_rate=4e-4", *_FALLING),
    "fixed rate": ("learning.learning_rate=4e-4",),
}
"""Rungs from the top: name and settings of `msnn-mnist-local`: random pulses after each image, one wrong label."""

DEVICES = {
    "ecram": Device(preset="ecram"),
    "reram-es": Device(preset="reram-es"),
    "pcm-training": Device(preset="pcm-training"),
    "fitted": Device(
        law="linear-step",
        parameters={"step_up": 0.0008, "step_down": 0.0009, "cycle_noise": 0.019, "read_noise": 0.052},
    ),
}
"""Devices of the study; the last one as `brianff devices fit` found it in a train of Gong et al., Nature Communications
9:2102 (2018): `docs/results/devices.md`."""


@dataclass(frozen=True)
class Size:
    """Size of the study.

    Parameters
    ----------
    seeds : tuple of int
    devices : tuple of str
        Of DEVICES.
    neurons, training_images, test_images, epochs : int
    """

    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    devices: tuple[str, ...] = tuple(DEVICES)
    neurons: int = 200
    training_images: int = 10_000
    test_images: int = 10_000
    epochs: int = 2

    def protocol(self, rung: str, device: str, seed: int) -> Protocol:
        """Return the protocol of a rung."""
        settings = (
            *RUNGS[rung],
            f"seed={seed}",
            f"network.layers.0.neurons={self.neurons}",
            f"data.training_images={self.training_images}",
            f"learning.epochs={self.epochs}",
            "evaluation.epoch_images=1",
        )
        protocol = load_protocol("msnn-mnist-local", settings)
        layers = [layer.replace(device=DEVICES[device]) for layer in protocol.network.layers]
        return protocol.replace(network=protocol.network.replace(layers=layers))


FULL = Size()
QUICK = Size(seeds=(1,), devices=("ecram",), neurons=20, training_images=300, test_images=200, epochs=1)

MEASURED = 20
"""Images of which the energy of presenting is measured."""


def run_study(
    directory: Path,
    quick: bool = False,
    data_dir: Path | None = None,
    progress: bool = True,
    map: Map = builtins.map,
) -> Study:
    """Return the study, with the table "locality"; quick: the size QUICK instead of FULL."""
    size = QUICK if quick else FULL
    devices = {name: DEVICES[name].model_dump(mode="json") for name in size.devices}
    study = Study(directory, {"size": asdict(size), "rungs": RUNGS, "devices": devices})
    points = [
        {"device": device, "rung": rung, "seed": seed}
        for seed in size.seeds
        for device in size.devices
        for rung in RUNGS
    ]
    study.fill("locality", points, partial(_measure, size, data_dir), progress, map)
    return study


def _measure(size: Size, data_dir: Path | None, device: str, rung: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield what a rung reaches, what it costs and what it needs."""
    trainer = Trainer(size.protocol(rung, device, seed), loaded("mnist", data_dir))
    optimiser, crossbar = trainer.optimiser, trainer.simulator.layers[0].crossbar
    assert isinstance(crossbar, DeviceCrossbar)
    crossbar.devices.counts[:] = 0  # the initial weights are not learned
    while not trainer.finished:
        trainer.run_epoch()
    second = optimiser.pairs if isinstance(optimiser, SecondPair) else None
    yield {
        "accuracy": trainer.evaluate(trainer.held_out.first(size.test_images)),
        **_energy_of_an_image(trainer, [crossbar, *([second] if second else [])], size.epochs * len(trainer.training)),
        "digital_support": "; ".join(digital_support(trainer.protocol, trainer.simulator)),
    }


def _energy_of_an_image(trainer: Trainer, crossbars: list[DeviceCrossbar], learned: int) -> dict[str, float]:
    """Return what learning one image costs (joule): its presentations, and programming; digital support is left out."""
    shown, generator = trainer.training.first(MEASURED), np.random.default_rng(0)
    labels = np.stack([shown.labels, wrong_labels(shown.labels, generator)], axis=1)
    (energy,) = measure_energy(trainer.simulator, shown.intensities(slice(None)), labels)
    presentations = 1 + trainer.negatives.count
    spent = [programming_energy(one) for one in crossbars]
    return {
        "pulses": sum(one["pulses_up"] + one["pulses_down"] for one in spent) / learned,
        "programming_joule": sum(one["pulses_joule"] + one["verify_joule"] for one in spent) / learned,
        "neurons_joule": presentations * float(energy.dissipated.mean()),
        "reads_joule": presentations * float(energy.read.mean()),
    }
