"""The drive of some presentations: that of the image and that of the label, each computed once."""

from __future__ import annotations

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
    image, label : ndarray of int64, shape (presentations,)
        Which rows of both add up to the drive of each presentation.
    """

    of_images: np.ndarray
    of_labels: np.ndarray
    image: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    def write(self, drive: np.ndarray) -> None:
        """Write it to an array (presentations, neurons)."""
        np.take(self.of_images, self.image, axis=0, out=drive, mode="clip")  # other modes need a buffer
        drive += self.of_labels[self.label]
