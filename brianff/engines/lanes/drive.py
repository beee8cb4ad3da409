"""The drive of some presentations: that of the image and that of the label, each computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Drive"]


@dataclass(frozen=True)
class Drive:
    """The drive of some presentations.

    Parameters
    ----------
    of_images : ndarray, shape (images, neurons)
    of_labels : ndarray, shape (classes, neurons)
    image, label : ndarray of int64, shape (presentations,), or (presentations, events)
        Which rows of both add up to the drive of each presentation, or of each of its events.
    onsets : ndarray of int, shape (presentations, events), or None
        Steps at which the events come, where each presentation has its own.
    """

    of_images: np.ndarray
    of_labels: np.ndarray
    image: np.ndarray
    label: np.ndarray
    onsets: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.image)

    def write(self, drives: Sequence[np.ndarray]) -> None:
        """Write it to arrays (presentations, neurons), one for each event."""
        of_events = (numbers.reshape(len(self), -1).T for numbers in (self.image, self.label))
        for drive, image, label in zip(drives, *of_events, strict=True):
            np.take(self.of_images, image, axis=0, out=drive, mode="clip")  # other modes need a buffer
            drive += self.of_labels[label]
