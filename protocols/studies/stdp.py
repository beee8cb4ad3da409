"""The study of STDP: Forward-Forward and pair-based STDP on the same input, with the same size and the same readouts.

Two tasks. MNIST as rate-coded spikes, and orders of three events in noise, where spike counts tell nothing and time
everything. Each rule sees each training presentation once (Forward-Forward with its own and with a wrong label); then
a readout is fitted to the spike counts of the first training presentations, without plasticity:

- majority: each neuron votes for the class to which it responded most (Diehl & Cook 2015);
- linear: a logistic regression;
- goodness: Forward-Forward's own decision, the label with the highest goodness; it needs no readout.

Forward-Forward uses the labels while it learns and STDP does not; its spike counts for the readouts are taken with no
label shown. Controls: the same layers before learning, and the input itself.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Quantity, ms, mV, nA

from brianff.data.split import Dataset
from brianff.description import Layer, Network, RateEncoding
from brianff.inputs import SpikeInput
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.layers import simulated_layer
from brianff.protocols.modulators import Pair
from brianff.protocols.negatives import wrong_labels
from brianff.protocols.optimisers import Adam
from brianff.protocols.plasticity import modulated_hebbian
from brianff.protocols.readout import linear_readout, majority_readout
from brianff.protocols.studies.stdp_layer import StdpLayer
from brianff.protocols.studies.study import Map, Study, loaded
from brianff.protocols.studies.temporal_patterns import CLASSES, temporal_patterns
from brianff.random import RandomStreams

__all__ = ["RULES", "Task", "mnist_task", "order_task", "run_study"]

NEURONS = 200
CHUNK = 250
"""Presentations whose spikes are in memory at once."""

MAXIMUM_PROBABILITY = 0.128
"""Of an input spike in a step of 1 ms for a white pixel: twice Diehl & Cook's 64 Hz, for half their 350 ms."""

LABEL_PROBABILITY = 0.5
"""Of a spike of the shown label's unit in a step."""

Draw = Callable[[str, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Task:
    """Labelled spikes, drawn when they are needed.

    Parameters
    ----------
    inputs, steps, classes : int
        Input units, length of a presentation in steps of 1 ms, classes.
    labels : dict of str to ndarray
        Labels of the parts "training" and "test".
    draw : callable
        ``draw(part, rows, generator)`` gives the spikes (steps, presentations, inputs) of some presentations.
    stdp : dict
        Parameters of the STDP layer that differ from the preset.
    time_constant : brian2.Quantity
        Of the Forward-Forward layer's membranes and traces.
    weight_deviation, learning_rate : float
        Of the Forward-Forward layer's initial weights, and of its learning.
    """

    inputs: int
    steps: int
    classes: int
    labels: dict[str, np.ndarray]
    draw: Draw
    stdp: dict[str, Any]
    time_constant: Quantity
    weight_deviation: float
    learning_rate: float


_FASTER: dict[str, Any] = {"theta_plus": 0.2 * mV, "tau_theta": 5e5 * ms, "eta_post": 0.02, "eta_pre": 2e-4}
"""Homeostasis and learning, faster than in the preset of STDP, which is made for 180,000 presentations."""


def mnist_task(dataset: Dataset, training: int, test: int) -> Task:
    """Return the first images of MNIST as rate-coded spikes of 150 ms."""
    steps = 150
    parts = {"training": dataset.train.first(training), "test": dataset.test.first(test)}

    def draw(part: str, rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        intensities = parts[part].intensities(rows)
        return generator.random((steps, *intensities.shape)) < MAXIMUM_PROBABILITY * intensities

    labels = {name: part.labels for name, part in parts.items()}
    return Task(784, steps, dataset.classes, labels, draw, _FASTER, 17 / 3 * ms, 0.1, 5e-3)


def order_task(training: int, test: int, seed: int) -> Task:
    """Return orders of three events in noise; the patterns of a presentation are the same whenever they are drawn."""
    generator = RandomStreams(seed)["order task"]
    labels = {name: generator.integers(0, CLASSES, count) for name, count in (("training", training), ("test", test))}
    rasters = {name: temporal_patterns(part, generator) for name, part in labels.items()}
    steps, _, inputs = rasters["test"].shape
    # Few input spikes in a short time: stronger weights and a faster membrane.
    stdp = {**_FASTER, "tau": 20 * ms, "w_initial": 0.6, "w_mean": 0.3}
    return Task(
        inputs, steps, CLASSES, labels, lambda part, rows, _: rasters[part][:, rows], stdp, stdp["tau"], 0.3, 5e-3
    )


Latents = Callable[[np.ndarray], np.ndarray]
"""Gives spike counts (presentations, neurons) of a raster, without plasticity."""


def _stdp(task: Task, seed: int, learn: bool) -> Latents:
    layer = StdpLayer(task.inputs, NEURONS, task.steps, seed=seed, **task.stdp)
    generator = RandomStreams(seed)["training spikes"]
    if learn:
        for rows in _chunks(len(task.labels["training"])):
            layer.present(task.draw("training", rows, generator), learn=True)
    return lambda raster: layer.present(raster, learn=False)


class _ForwardForward:
    """A LIF layer that learns from spikes with the spikes of a label beside them: squared norm, pair form, Adam."""

    batch = 25

    def __init__(self, task: Task, seed: int, learn: bool):
        self.task = task
        constant = f"{task.time_constant / ms} ms"
        layer = Layer(
            neurons=NEURONS,
            neuron="lif",
            parameters={"tau": constant, "tau_trace": constant},
            # A spike through a weight of 1 lifts the membrane to the threshold.
            current_scale=task.time_constant / ms * nA,
            synapse_time_constant=1 * ms,
        )
        network = Network(
            pixels=task.inputs,
            classes=task.classes,
            time_step=1 * ms,
            encoding=RateEncoding(steps=task.steps),
            layers=(layer,),
        )
        self.respond = simulated_layer(network, GOODNESS["squared-norm"])
        self.count = simulated_layer(network, GOODNESS["spike-count"])
        self.streams = RandomStreams(seed)
        shape = (task.inputs + task.classes, NEURONS)
        self.weights = self.streams["weights 0"].normal(0, task.weight_deviation, shape)
        if learn:
            self._learn()

    def with_labels(self, raster: np.ndarray, labels: np.ndarray | None) -> SpikeInput:
        """Return spikes with those of the units of shown labels beside them; None: no label is shown."""
        beside = np.zeros((*raster.shape[:2], self.task.classes), dtype=bool)
        if labels is not None:
            spikes = self.streams["label spikes"].random(raster.shape[:2]) < LABEL_PROBABILITY
            beside[:, np.arange(len(labels)), labels] = spikes
        return SpikeInput(np.concatenate([raster, beside], axis=2))

    def _learn(self) -> None:
        labels = self.task.labels["training"]
        optimiser, modulator = Adam(self.task.learning_rate), None
        for rows in _chunks(len(labels), self.batch):
            raster = self.task.draw("training", rows, self.streams["training spikes"])
            wrong = wrong_labels(labels[rows], self.streams["negatives"], self.task.classes)
            passes = [self.respond(self.with_labels(raster, shown), self.weights) for shown in (labels[rows], wrong)]
            modulator = modulator or Pair(1.0 / (passes[0].goodness.std() or 1.0), 1.0)
            self.weights += optimiser(modulated_hebbian(passes[0], passes[1], modulator))

    def latents(self, raster: np.ndarray) -> np.ndarray:
        """Return spike counts with no label shown."""
        return self.count(self.with_labels(raster, None), self.weights).goodness_terms

    def goodness_accuracy(self) -> float:
        """Return the share of test presentations whose own label has the highest goodness."""
        labels, classes = self.task.labels["test"], self.task.classes
        correct = 0
        for rows in _chunks(len(labels)):
            raster = self.task.draw("test", rows, self.streams["test spikes"])
            goodness = [
                self.respond(self.with_labels(raster, np.full(len(rows), label)), self.weights).goodness
                for label in range(classes)
            ]
            correct += int((np.argmax(goodness, axis=0) == labels[rows]).sum())
        return correct / len(labels)


def _chunks(count: int, size: int = CHUNK) -> Iterator[np.ndarray]:
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _in_time_bins(raster: np.ndarray, bins: int = 3) -> np.ndarray:
    return np.hstack([part.sum(axis=0, dtype=float) for part in np.array_split(raster, bins)])


RULES = (
    "STDP",
    "Forward-Forward",
    "STDP layer, untrained",
    "Forward-Forward layer, untrained",
    "input",
    "input in time",
)


def _measure(task: Task, rule: str, seed: int, fit: int) -> Iterator[dict[str, Any]]:
    """Train by a rule, fit the readouts and measure them on the test part."""
    learn = "untrained" not in rule
    latents: Latents
    if rule.startswith("STDP"):
        latents = _stdp(task, seed, learn)
    elif rule.startswith("Forward-Forward"):
        layer = _ForwardForward(task, seed, learn)
        latents = layer.latents
        if learn:
            yield {"readout": "goodness", "accuracy": layer.goodness_accuracy()}
    else:
        latents = _in_time_bins if rule == "input in time" else lambda raster: raster.sum(axis=0, dtype=float)
    generator = RandomStreams(seed)["readout spikes"]
    labels = {"training": task.labels["training"][:fit], "test": task.labels["test"]}
    counts = {
        part: np.concatenate([latents(task.draw(part, rows, generator)) for rows in _chunks(len(of_part))])
        for part, of_part in labels.items()
    }
    arguments = counts["training"], labels["training"], counts["test"], labels["test"]
    yield {"readout": "linear", "accuracy": linear_readout(*arguments), **_activity(counts["test"])}
    if not rule.startswith("input"):
        yield {"readout": "majority", "accuracy": majority_readout(*arguments), **_activity(counts["test"])}


def _activity(counts: np.ndarray) -> dict[str, float]:
    return {
        "spikes_per_presentation": float(counts.sum(axis=1).mean()),
        "silent_neurons": float(np.mean(counts.max(axis=0) == 0)),
    }


def run_study(
    directory: Path,
    quick: bool = False,
    data_dir: Path | None = None,
    progress: bool = True,
    map: Map = builtins.map,
) -> Study:
    """Return the study, with the table "stdp"; quick: fewer images and one seed."""
    training, fit, test, seeds = (400, 400, 200, 1) if quick else (2000, 1000, 1000, 3)
    study = Study(directory, {"study": "stdp", "training": training, "fit": fit, "test": test, "seeds": seeds})

    def measure(task: str, seed: int, rule: str) -> Iterator[dict[str, Any]]:
        if task == "mnist":
            return _measure(mnist_task(loaded("mnist", data_dir), training, test), rule, seed, fit)
        return _measure(order_task(training, test, seed), rule, seed, fit)

    points = [
        {"task": task, "seed": seed, "rule": rule}
        for seed, task, rule in product(range(1, seeds + 1), ("mnist", "order"), RULES)
        if (task, rule) != ("mnist", "input in time")
    ]
    study.fill("stdp", points, measure, progress, map)
    return study
