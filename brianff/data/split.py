"""A data set in memory: its training and test part, in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Batch", "Dataset", "Split"]


@dataclass(frozen=True)
class Batch:
    """Some images of a split: intensities (images, pixels) in [0, 1], labels and indices in the split (images,)."""

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray


@dataclass(frozen=True)
class Split:
    """The training or test part of a data set.

    Parameters
    ----------
    images : ndarray of uint8, shape (images, pixels)
    labels : ndarray of int, shape (images,)
    white : int
        Pixel value that stands for an intensity of 1.
    """

    images: np.ndarray
    labels: np.ndarray
    white: int = 255

    def __len__(self) -> int:
        return len(self.labels)

    def intensities(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return the intensities of some images, in [0, 1], shape (images, pixels)."""
        return self.images[rows] / float(self.white)

    def batches(self, size: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Yield all images in random order, in batches of `size`; the last may be smaller."""
        order = generator.permutation(len(self))
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield Batch(self.intensities(rows), self.labels[rows], rows)

    def first(self, count: int) -> Split:
        """Return the first `count` images, or all if there are fewer."""
        return self._part(slice(None, count))

    def last(self, count: int) -> Split:
        """Return the last `count` images, or all if there are fewer."""
        return self._part(slice(max(len(self) - count, 0), None))

    def without_last(self, count: int) -> Split:
        """Return all images but the last `count`."""
        return self._part(slice(None, max(len(self) - count, 0)))

    def _part(self, rows: slice) -> Split:
        return Split(self.images[rows], self.labels[rows], self.white)


@dataclass(frozen=True)
class Dataset:
    """A data set with its training and test part."""

    name: str
    train: Split
    test: Split
    image_shape: tuple[int, int]
    classes: int
    licence: str

    @cached_property
    def digest(self) -> str:
        checksum = hashlib.sha256()
        for part in (self.train, self.test):
            checksum.update(part.images.tobytes() + part.labels.tobytes())
        return checksum.hexdigest()
