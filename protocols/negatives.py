"""Negative data: images with a label that is not theirs, and, without labels, mixtures of two images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from brianff.arguments import explained
from brianff.arrays import checked
from brianff.data.spikes import whole_numbers
from brianff.data.split import Dataset
from brianff.description.fields import GENERATOR, Whole, argument
from brianff.errors import ConfigurationError, missing
from brianff.registry import Registry

__all__ = [
    "NEGATIVES",
    "AllCandidates",
    "Hardest",
    "Hybrid",
    "Negatives",
    "SelfContrastive",
    "WrongLabel",
    "hardest",
    "hybrid_images",
    "wrong_labels",
]


class Negatives:
    """Base of what gives each image its negatives; one of your own needs `draw`.

    Attributes
    ----------
    count : int
        Negatives of each image.
    labelled : bool
        Whether labels are shown; without, the network learns what images are like.
    compared : bool
        Whether one presentation is compared with all negatives of its image: then the modulator must be a pair's.
    """

    count: int = 1
    labelled: ClassVar[bool] = True
    compared: ClassVar[bool] = False

    def draw(
        self, images: np.ndarray, labels: np.ndarray, dataset: Dataset, generator: np.random.Generator
    ) -> tuple[np.ndarray | None, np.ndarray]:
        """Return the images and the labels of the negatives.

        Parameters
        ----------
        images : ndarray, shape (images, pixels)
        labels : ndarray of int, shape (images,)
        dataset : Dataset
            Tells `classes` and `image_shape`.
        generator : numpy.random.Generator

        Returns
        -------
        ndarray, shape (images, pixels), or None
            None: the same images with other labels. Otherwise `count` is 1.
        ndarray of int, shape (images, count)
            Labels shown with them.
        """
        raise missing(self, "draw")

    def check(self, dataset: Dataset) -> None:
        """Raise a ConfigurationError if there are no such negatives of a data set's images."""

    def choose(self, scores: np.ndarray) -> np.ndarray | None:
        """Return which negative of each image is learned, given their scores (images, count); None: all of them."""
        return None


class WrongLabel(Negatives):
    """One random wrong label."""

    def draw(self, images, labels, dataset, generator):
        return None, wrong_labels(labels, generator, dataset.classes, 1)


@dataclass(frozen=True)
class AllCandidates(Negatives):
    """Several random wrong labels, all of which are learned, in the pair form.

    Parameters
    ----------
    candidates : int
    """

    candidates: int = 4
    compared: ClassVar[bool] = True

    @property
    def count(self) -> int:  # type: ignore[override]
        """Negatives of each image."""
        return self.candidates

    def check(self, dataset):
        if self.candidates >= dataset.classes:
            raise ConfigurationError(
                f"learning.candidates is {self.candidates}; there are only {dataset.classes - 1} wrong labels: "
                f"use learning.candidates = {dataset.classes - 1}"
            )

    def draw(self, images, labels, dataset, generator):
        return None, wrong_labels(labels, generator, dataset.classes, self.candidates)


class Hardest(AllCandidates):
    """Of several random wrong labels, the one that the network takes most for positive."""

    compared: ClassVar[bool] = False

    def choose(self, scores):
        return hardest(scores)


class Hybrid(Negatives):
    """Without labels: mixtures of two images; see `hybrid_images`."""

    labelled: ClassVar[bool] = False

    def draw(self, images, labels, dataset, generator):
        return hybrid_images(images, dataset.image_shape, generator), np.zeros((len(images), 1), dtype=int)


class SelfContrastive(Negatives):
    """Without labels: the mean of the image and another one of the batch.

    An image drives a neuron by its own drive, which is the mean of the image with itself, and a negative by the mean of
    two images' drives: positive and negative pairs of self-contrastive learning (arXiv 2409.11593), at half the drive.
    """

    labelled: ClassVar[bool] = False

    def draw(self, images, labels, dataset, generator):
        return (images + _another(images, generator)) / 2, np.zeros((len(images), 1), dtype=int)


NEGATIVES = Registry(
    "negatives",
    Negatives,
    {
        "wrong-label": WrongLabel,
        "hardest": Hardest,
        "all-candidates": AllCandidates,
        "hybrid": Hybrid,
        "self-contrastive": SelfContrastive,
    },
)
"""Negatives by name."""


@explained
def wrong_labels(
    labels: np.ndarray, generator: np.random.Generator, classes: int = 10, count: int | None = None
) -> np.ndarray:
    """Draw wrong labels: never the true one, all others with the same probability.

    Parameters
    ----------
    labels : ndarray of int, shape (images,)
    generator : numpy.random.Generator
    classes : int
        Number of classes, at least 2.
    count : int, optional
        Number of different wrong labels for each image; at most classes - 1.

    Returns
    -------
    ndarray of int, shape (images,) or, with `count`, (images, count)

    Raises
    ------
    ConfigurationError
        If there are not so many wrong labels, or a label is not a class.
    DataError
        If a label is no whole number.
    """
    labels = whole_numbers("labels", labels)
    classes = argument("classes", classes, Whole(2))
    wanted = 1 if count is None else argument("count", count, Whole(1))
    argument("generator", generator, GENERATOR)
    if not 1 <= wanted < classes:
        raise ConfigurationError(f"cannot draw {wanted} different wrong labels out of {classes} classes")
    if labels.max(initial=0) >= classes:
        raise ConfigurationError(f"labels must lie between 0 and {classes - 1}")
    offsets = 1 + generator.random((len(labels), classes - 1)).argsort(axis=1)[:, :wanted]
    wrong = (labels[:, np.newaxis] + offsets) % classes
    return wrong[:, 0] if count is None else wrong


def hardest(goodness: np.ndarray) -> np.ndarray:
    """Return which candidate of each image has the highest goodness.

    Parameters
    ----------
    goodness : ndarray, shape (images, candidates)

    Returns
    -------
    ndarray of int, shape (images,)
    """
    return np.argmax(goodness, axis=1)


@explained
def hybrid_images(
    images: np.ndarray, image_shape: tuple[int, int], generator: np.random.Generator, blurs: int = 10
) -> np.ndarray:
    """Mix each image with another one of the batch: mask x image + (1 - mask) x other, in large patches.

    The mask is a random bit image, blurred `blurs` times with [1/4, 1/2, 1/4] in both directions and cut at 1/2: short
    correlations are as in an image, long ones are not (Hinton, arXiv 2212.13345).

    Parameters
    ----------
    images : ndarray, shape (images, pixels)
        A single image has no other one and comes back as it is.
    image_shape : tuple of int
        Rows and columns.
    generator : numpy.random.Generator
    blurs : int
        More blurring gives larger patches.

    Returns
    -------
    ndarray, shape (images, pixels)
    """
    argument("generator", generator, GENERATOR)
    image_shape = tuple(checked("image_shape", image_shape, (2,), kind="whole"))
    images = checked("images", images, (None, int(np.prod(image_shape))))
    blurs = argument("blurs", blurs, Whole(0))
    field = generator.integers(0, 2, (len(images), *image_shape)).astype(float)
    for axis in (1, 2) * blurs:
        ahead, behind = np.roll(field, 1, axis), np.roll(field, -1, axis)  # round the edges, so that none is special
        field = (ahead + 2 * field + behind) / 4
    mask = (field > 0.5).reshape(images.shape)
    return np.where(mask, images, _another(images, generator))


def _another(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return another image of the batch for each; a single image has none and comes back."""
    return np.roll(images, generator.integers(1, len(images)), axis=0) if len(images) > 1 else images
