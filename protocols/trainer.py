"""The greedy layer-wise Forward-Forward algorithm, without files: state, one epoch, state again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from brianff.acceleration.matrix_products import one_blas_thread
from brianff.acceleration.threads import Ahead
from brianff.data.split import Batch, Dataset, Split
from brianff.engines.lanes.workers import processors
from brianff.errors import ConfigurationError
from brianff.inputs import PulseInput, SpikeInput
from brianff.protocols.augmentation import shift_images
from brianff.protocols.configuration import Protocol
from brianff.protocols.frozen import FrozenLayers
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.inference import Score, accuracy
from brianff.protocols.modulators import MODULATORS
from brianff.protocols.negatives import hardest, hybrid_images, wrong_labels
from brianff.protocols.optimisers import STEP_RULES, Plain, cosine
from brianff.protocols.plasticity import modulated_hebbian
from brianff.responses import Responses
from brianff.simulator import Simulator

__all__ = ["Trainer"]

Report = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class _Contrast:
    """What a batch presents: positive presentations and then negative ones, their places in the split, their labels."""

    inputs: PulseInput | SpikeInput
    positives: int
    places: np.ndarray
    labels: np.ndarray


class Trainer:
    """Trains a protocol's network layer by layer; only the last active layer learns.

    Parameters
    ----------
    protocol : Protocol
    dataset : Dataset

    Attributes
    ----------
    simulator : Simulator
    training, held_out : Split
        Images that are learned, and those that the accuracy is measured on: validation or test images.
    layer, epoch : int
        Position: the layer that learns next, and how many of its epochs are done.
    history : list of (epoch, layer, quantity, value)
    """

    def __init__(self, protocol: Protocol, dataset: Dataset):
        _check_fit(protocol, dataset)
        self.protocol = protocol
        self.dataset = dataset
        learning = protocol.learning
        self.training, self.held_out = _split(protocol, dataset)
        self.simulator = Simulator(
            protocol.network,
            GOODNESS[learning.goodness],
            protocol.engine.name,
            protocol.engine.lanes,
            protocol.seed,
            protocol.engine.memory,
            protocol.engine.workers or processors(),
            protocol.engine.precision,
        )
        self.modulator = MODULATORS[learning.probability](learning.sharpness, learning.threshold)
        self.step_rule = self._new_step_rule()
        self.layer = 0
        self.epoch = 0
        self._frozen_below: tuple[int, FrozenLayers | None] | None = None
        self.history: list[tuple[int, int, str, float]] = []

    @property
    def engine(self) -> str:
        """Name of what simulates the training."""
        return self.protocol.engine.name

    def build(self) -> None:
        """Compile what training needs beside the simulator."""
        self.step_rule.build(np.dtype(self.simulator.dtype))

    @property
    def score(self) -> Score:
        """What inference compares between labels."""
        modulator = self.modulator
        return modulator.score if self.protocol.evaluation.decision == "log-odds" else modulator.probability

    @property
    def finished(self) -> bool:
        """Whether every layer has learned for all its epochs."""
        return self.layer == len(self.simulator.layers)

    @property
    def images_left(self) -> int:
        """Images still to be presented, counted once per epoch."""
        epochs = self.protocol.learning.epochs
        return ((len(self.simulator.layers) - self.layer) * epochs - self.epoch) * len(self.training)

    @one_blas_thread()
    def run_epoch(self, report: Report = lambda images, figures: None) -> None:
        """Train the active layer for one epoch and move the position on.

        Parameters
        ----------
        report : callable
            Called after each batch with its number of images and the figures to show.
        """
        sums = {"training_loss": 0.0, "goodness_positive": 0.0, "goodness_negative": 0.0, "right_order": 0.0}
        done = 0
        batches = self.training.batches(self.protocol.learning.batch, self.simulator.streams["batches"])
        contrasts = Ahead(map(self._contrast, batches))
        for contrast in contrasts:
            positive, negative = self._present(contrast)
            if self.simulator.workers > 1:  # not before: presentations keep all threads busy
                contrasts.begin()
            change = modulated_hebbian(positive, negative, self.modulator)
            step = self.step_rule(change, self._step_factor(done / len(self.training)))
            self.simulator.layers[self.layer].learn(step)
            done += len(positive)
            sums["training_loss"] += self.modulator.loss(positive, negative).sum()
            sums["goodness_positive"] += positive.goodness.sum()
            sums["goodness_negative"] += negative.goodness.mean() * len(positive)
            right, wrong = (self.modulator.score(responses) for responses in (positive, negative))
            sums["right_order"] += (right > wrong.reshape(len(right), -1).max(axis=1)).sum()
            report(len(positive), {"loss": sums["training_loss"] / done, "right order": sums["right_order"] / done})
        for quantity, total in sums.items():
            self._note(quantity, total / done)
        if not self.protocol.unsupervised:
            self._note(*self._measure_accuracy())
        self._advance()

    def evaluate(
        self,
        split: Split,
        report: Callable[[int], None] = lambda images: None,
        layers: Sequence[int] | None = None,
    ) -> float:
        """Return the accuracy on a split, by some `layers` or those of the protocol; nothing but counters changes."""
        evaluation = self.protocol.evaluation
        return accuracy(self.simulator, split, layers or evaluation.layers, self.score, evaluation.batch, report)

    def _contrast(self, batch: Batch) -> _Contrast:
        """Return the input of a batch and of its negatives."""
        learning, streams = self.protocol.learning, self.simulator.streams
        shape, shift = self.dataset.image_shape, self.protocol.data.shift
        images = shift_images(batch.images, shape, shift, streams["shifts"])
        if learning.negatives == "hybrid":
            both = np.concatenate([images, hybrid_images(images, shape, streams["negatives"])])
            labels, places = np.zeros(len(both), dtype=int), np.tile(batch.places, 2)
            return _Contrast(self.simulator.inputs(both, labels), len(images), places, labels)
        count = learning.wrong_labels
        wrong = wrong_labels(batch.labels, streams["negatives"], self.protocol.network.classes, count)
        labels = np.column_stack([batch.labels, wrong])
        # All positive presentations, then each image's wrong labels: slices of the responses are not copied.
        order = np.arange(labels.size).reshape(labels.shape)
        order = np.append(order[:, 0], order[:, 1:])
        inputs = self.simulator.inputs(images, labels).select(order)
        return _Contrast(inputs, len(images), batch.places[order // (1 + count)], labels.ravel()[order])

    def _present(self, contrast: _Contrast) -> tuple[Responses, Responses]:
        """Present a batch and its negatives; return the positive and the negative responses."""
        learning, positives = self.protocol.learning, contrast.positives
        if self._frozen is None:
            *below, responses = self.simulator.present_inputs(contrast.inputs, self.layer + 1)
            goodness_below = np.sum([response.goodness for response in below], axis=0)
        else:
            responses, goodness_below = self._frozen.present(contrast.inputs, contrast.places, contrast.labels)
        if learning.collaboration and self.layer:
            responses = replace(responses, goodness_below=learning.collaboration * goodness_below)
        positive, negative = responses.select(slice(None, positives)), responses.select(slice(positives, None))
        if learning.negatives != "hardest":
            return positive, negative
        count = learning.wrong_labels
        scores = self.modulator.score(negative).reshape(positives, count)
        return positive, negative.select(np.arange(positives) * count + hardest(scores))

    @property
    def _frozen(self) -> FrozenLayers | None:
        """The frozen layers below the active one, if what they answer can be kept."""
        if self._frozen_below is None or self._frozen_below[0] != self.layer:
            fits = FrozenLayers.fits(self.protocol, self.simulator, self.layer)
            memory = self.protocol.engine.kept_spikes
            kept = FrozenLayers(self.simulator, self.layer, len(self.training), memory) if fits else None
            self._frozen_below = self.layer, kept
        return self._frozen_below[1]

    def _new_step_rule(self) -> Plain:
        learning = self.protocol.learning
        return STEP_RULES[learning.step_rule](learning.step_size, self.simulator.workers)

    def _step_factor(self, share_of_epoch: float) -> float:
        """Return what the schedule makes of the step size."""
        learning = self.protocol.learning
        progress = (self.epoch + share_of_epoch) / learning.epochs
        return cosine(progress) if learning.step_schedule == "cosine" else 1.0

    def _measure_accuracy(self) -> tuple[str, float]:
        """Measure after an epoch, on the layers trained so far; never on test images."""
        if self.protocol.data.validation_images:
            quantity, split = "validation_accuracy", self.held_out
        else:
            quantity, split = "training_accuracy", self.training.first(self.protocol.evaluation.epoch_images)
        wanted = self.protocol.evaluation.layers
        trained = [layer for layer in range(self.layer + 1) if wanted is None or layer in wanted]
        batch = self.protocol.evaluation.batch
        return quantity, accuracy(self.simulator, split, trained or [self.layer], self.score, batch)

    def _note(self, quantity: str, value: float) -> None:
        self.history.append((self.epoch + 1, self.layer, quantity, float(value)))

    def _advance(self) -> None:
        self.epoch += 1
        if self.epoch == self.protocol.learning.epochs:
            self.layer, self.epoch = self.layer + 1, 0
            self.step_rule = self._new_step_rule()

    def last_epoch(self) -> dict[str, float]:
        """Return the quantities of the history's last epoch."""
        position = self.history[-1][:2] if self.history else None
        return {quantity: value for *where, quantity, value in self.history if tuple(where) == position}

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights and device states of all layers by name, and the label codes."""
        weights = {
            f"{name}_{number}": array
            for number, layer in enumerate(self.simulator.layers)
            for name, array in layer.crossbar.state().items()
        }
        return weights | {"codes": self.simulator.codes}

    def _membranes(self) -> dict[str, np.ndarray]:
        """Return the membranes that are carried over by name."""
        layers = enumerate(self.simulator.layers)
        return {f"membrane_{number}": layer.membrane for number, layer in layers if layer.membrane is not None}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return everything that resuming needs: arrays and JSON-able values."""
        arrays = self.weights() | self._membranes()
        arrays |= {f"step_rule.{name}": array for name, array in self.step_rule.state.items()}
        return arrays, {
            "layer": self.layer,
            "epoch": self.epoch,
            "history": self.history,
            "streams": self.simulator.streams.state(),
            "presentations": self.simulator.presentations,
            "neuron_steps": self.simulator.neuron_steps,
        }

    def restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        """Put the trainer into a state that `state` returned; training then continues bit for bit."""
        for number, layer in enumerate(self.simulator.layers):
            layer.crossbar.restore({name: arrays[f"{name}_{number}"] for name in layer.crossbar.state()})
            layer.membrane = arrays.get(f"membrane_{number}")
        self.simulator.codes[:] = arrays["codes"]
        prefix = "step_rule."
        self.step_rule.state = {
            name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)
        }
        self.layer, self.epoch = values["layer"], values["epoch"]
        self._frozen_below = None
        self.history = [tuple(row) for row in values["history"]]
        self.simulator.streams.restore(values["streams"])
        self.simulator.presentations = values["presentations"]
        self.simulator.neuron_steps = values["neuron_steps"]


def _check_fit(protocol: Protocol, dataset: Dataset) -> None:
    network, pixels = protocol.network, dataset.image_shape[0] * dataset.image_shape[1]
    for field, given, needed in (("pixels", network.pixels, pixels), ("classes", network.classes, dataset.classes)):
        if given != needed:
            raise ConfigurationError(f"network.{field} is {given}; data set {dataset.name!r} needs {needed}")
    learning = protocol.learning
    if learning.several_negatives and learning.candidates >= dataset.classes:
        raise ConfigurationError(
            f"learning.candidates is {learning.candidates}; there are only {dataset.classes - 1} wrong labels"
        )


def _split(protocol: Protocol, dataset: Dataset) -> tuple[Split, Split]:
    training, data = dataset.train, protocol.data
    if data.validation_images >= len(training):
        raise ConfigurationError(
            f"data.validation_images is {data.validation_images}; there are {len(training)} training images"
        )
    held_out = dataset.test
    if data.validation_images:
        training, held_out = training.without_last(data.validation_images), training.last(data.validation_images)
    if data.training_images is not None:
        training = training.first(data.training_images)
    return training, held_out
