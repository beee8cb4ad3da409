"""Samplers: what a batch shows. Each image as positive and as negative, or as one of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from brianff.arrays import answer
from brianff.data.split import Batch
from brianff.equations.parameters import Range
from brianff.errors import ConfigurationError, missing
from brianff.inputs import PulseInput, SparseSpikes, SpikeInput, checked_units
from brianff.protocols.contrast import Contrast, Mixed, Pairs
from brianff.registry import Registry
from brianff.responses import Responses

if TYPE_CHECKING:
    from brianff.protocols.trainer import Trainer

__all__ = ["SAMPLERS", "BothPolarities", "RandomPolarity", "Sampler", "Shown"]


@dataclass(frozen=True)
class Shown:
    """What a batch shows.

    Parameters
    ----------
    inputs : PulseInput or SpikeInput
    positive : ndarray of bool, shape (presentations,)
    indices, labels : ndarray of int, shape (presentations,)
        Which training image each presentation shows, and the label shown with it.
    """

    inputs: PulseInput | SpikeInput
    positive: np.ndarray
    indices: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        checked_units(self.inputs)
        for name in ("positive", "indices", "labels"):
            if np.shape(given := getattr(self, name)) != (len(self.inputs),):
                raise ConfigurationError(
                    f"a sampler shows {len(self.inputs)} presentations; its {name} have the shape {np.shape(given)}"
                )

    def joined(self, parts: Sequence[Shown]) -> Shown:
        """Return several batches of spikes as one."""
        inputs = SparseSpikes.joined([part.inputs for part in parts])  # type: ignore[misc]
        names = ("positive", "indices", "labels")
        return Shown(inputs, *(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class Sampler:
    """Base of the samplers.

    Attributes
    ----------
    paired : bool
        Whether each image comes with its own negatives.
    """

    paired: ClassVar[bool] = True

    def shown(self, trainer: Trainer, batch: Batch) -> Shown:
        """Return what a batch of the training images shows."""
        raise missing(self, "shown")

    def contrast(self, trainer: Trainer, shown: Shown, responses: Responses) -> Contrast:
        """Return the responses to what was shown as a contrast of positive and negative ones."""
        raise missing(self, "contrast")

    def ahead(self, trainer: Trainer) -> bool:
        """Tell whether a batch may be drawn while the one before it is still presented."""
        return False


def _distorted(trainer: Trainer, batch: Batch) -> np.ndarray:
    """Return the images of a batch as they are shown."""
    return trainer.protocol.data.distorted(batch.images, trainer.dataset.image_shape, trainer.simulator.streams)


def _drawn(trainer: Trainer, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the negatives of images; a ConfigurationError if they are none."""
    negatives, name = trainer.negatives, type(trainer.negatives).__name__
    drawn = negatives.draw(images, labels, trainer.dataset, trainer.simulator.streams["negatives"])
    if not isinstance(drawn, tuple) or len(drawn) != 2:
        raise ConfigurationError(f"{name} gave {type(drawn).__name__}; draw gives images, or None, and labels")
    other, wrong = drawn
    wrong, shape = np.asarray(wrong), (len(images), negatives.count)
    if wrong.shape != shape:
        raise ConfigurationError(f"{name} gave labels of the shape {wrong.shape}; (images, count) is {shape}")
    if other is None and negatives.labelled and (wrong == labels[:, np.newaxis]).any():
        raise ConfigurationError(f"{name} gave an image its own label as a negative")
    return other, wrong


def _choice(trainer: Trainer, responses: Responses, images: int) -> np.ndarray | None:
    """Return which of its negatives is learned for each of so many images; None: all."""
    negatives, modulator = trainer.negatives, trainer.modulator
    scores = answer(f"the score of {type(modulator).__name__}", modulator.score(responses), (images * negatives.count,))
    chosen = negatives.choose(scores.reshape(images, negatives.count))
    if chosen is None:
        return None
    one = Range("be the number of a negative of its image", 0, negatives.count - 1)
    return answer(f"choose of {type(negatives).__name__}", chosen, (images,), kind="whole", range=one)


class BothPolarities(Sampler):
    """Each image of a batch is presented as positive and with its negatives."""

    paired = True

    def shown(self, trainer, batch):
        """Show all positive presentations, then each image's negatives: slices of the responses are not copied."""
        simulator, negatives = trainer.simulator, trainer.negatives
        images = _distorted(trainer, batch)
        other, labels = _drawn(trainer, images, batch.labels)
        count = len(images)
        if other is not None:
            true = batch.labels if negatives.labelled else np.zeros(count, dtype=int)
            inputs = simulator.inputs(np.concatenate([images, other]), np.append(true, labels))
            return Shown(inputs, np.arange(2 * count) < count, np.tile(batch.indices, 2), np.append(true, labels))
        labels = np.column_stack([batch.labels, labels])
        order = np.arange(labels.size).reshape(labels.shape)
        order = np.append(order[:, 0], order[:, 1:])
        inputs = simulator.inputs(images, labels).select(order)
        indices = batch.indices[order // labels.shape[1]]
        return Shown(inputs, np.arange(len(order)) < count, indices, labels.ravel()[order])

    def contrast(self, trainer, shown, responses):
        images = int(np.count_nonzero(shown.positive))
        positive, negative = responses.select(slice(None, images)), responses.select(slice(images, None))
        if (count := trainer.negatives.count) > 1:
            chosen = _choice(trainer, negative, images)
            negative = negative if chosen is None else negative.select(np.arange(images) * count + chosen)
        return Pairs(positive, negative)


class RandomPolarity(Sampler):
    """Each image is presented once, as positive or as negative, with probability 1/2, as in arXiv 2406.16479."""

    paired = False

    def shown(self, trainer, batch):
        simulator, negatives = trainer.simulator, trainer.negatives
        images, labels = _distorted(trainer, batch), batch.labels.copy()
        positive = simulator.streams["polarity"].random(len(labels)) < 0.5
        other, wrong = _drawn(trainer, images, labels)
        wrong = wrong[~positive]
        if negatives.count > 1:
            wrong = wrong[np.arange(len(wrong)), self._chosen(trainer, images[~positive], wrong)]
        labels[~positive] = wrong.ravel()
        if other is not None:
            images = np.where(positive[:, np.newaxis], images, other)
        return Shown(simulator.inputs(images, labels), positive, batch.indices, labels)

    def contrast(self, trainer, shown, responses):
        return Mixed(responses, shown.positive)

    def ahead(self, trainer):
        return trainer.negatives.count == 1  # to choose among several asks what has been learned

    @staticmethod
    def _chosen(trainer: Trainer, images: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Return which candidate label of each image is learned, before any of these images is."""
        simulator = trainer.simulator
        with simulator.evaluation():
            responses = simulator.present_layers(images, candidates, trainer.layer + 1, goodness_only=True)
        chosen = _choice(trainer, responses[trainer.layer], len(candidates))
        return np.zeros(len(candidates), dtype=int) if chosen is None else chosen


SAMPLERS = Registry("sampler", Sampler, {"both": BothPolarities, "random": RandomPolarity})
"""Samplers by name."""
