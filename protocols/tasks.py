"""Tasks: what a presentation shows of a data set, and what its class is. One image, or several one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from math import factorial

import numpy as np

from brianff.data.split import Batch, Dataset, Split
from brianff.errors import ConfigurationError
from brianff.registry import Registry

__all__ = ["TASKS", "Interval", "Sequence", "Task"]


class Task:
    """One image, and its class. It is the base of the other tasks, too.

    Images of several frames lie side by side, shape (images, frames x pixels).
    """

    sequences: bool = False
    """Whether a presentation shows more than the images of a batch."""

    def dataset(self, dataset: Dataset, frames: int) -> Dataset:
        """Return a data set with the classes of the task.

        Raises
        ------
        ConfigurationError
            If presentations of so many frames do not fit the task.
        """
        if frames != 1:
            raise ConfigurationError(f"network.encoding shows {frames} frames: name a data.task, such as 'sequence'")
        return dataset

    def chance(self, classes: int, frames: int) -> float:
        """Return the accuracy of a guess."""
        return 1 / classes

    def batch(self, batch: Batch, split: Split, frames: int, generator: np.random.Generator) -> Batch:
        """Return what is shown in the place of a batch of the images of a split, drawn anew each time."""
        return batch

    def split(self, split: Split, frames: int, presentations: int | None = None) -> Split:
        """Return what is shown to measure the accuracy on the images of a split, the same every time.

        Parameters
        ----------
        split : Split
        frames : int
        presentations : int, optional
            How many at least; default: those of the task.
        """
        return split


@dataclass(frozen=True)
class Sequence(Task):
    """Different images, one after the other; the class is that of one of them.

    In training, each image is the one asked for once in an epoch, and the others are drawn from all. The accuracy is
    measured on drawn images, each set of them in all orders: a network that is blind to the order can at best know the
    set. Fewer images than frames make no such set.

    Parameters
    ----------
    asked : int
        The frame whose class is asked for, counted from 0.
    presentations : int
        On how many presentations the accuracy is measured, at least.
    """

    asked: int = 0
    presentations: int = 4000
    sequences = True

    def dataset(self, dataset, frames):
        if not (frames > 1 and 0 <= self.asked < frames):
            raise ConfigurationError(
                f"data.task asks for frame {self.asked}, counted from 0; network.encoding shows {frames}; at least 2 "
                "are needed: give it kind = 'frames'"
            )
        return dataset

    def chance(self, classes, frames):
        """Return the accuracy of guessing the order of images that are known."""
        return 1 / frames

    def batch(self, batch, split, frames, generator):
        if len(split) < 2:
            raise ConfigurationError("a sequence needs at least 2 training images: raise data.training_images")
        others = generator.integers(len(split) - 1, size=(len(batch.indices), frames - 1))
        others += others >= batch.indices[:, np.newaxis]  # any image but the one asked for
        shown = [split.intensities(column) for column in others.T]
        shown.insert(self.asked, batch.images)
        return replace(batch, images=np.concatenate(shown, axis=1))

    def split(self, split, frames, presentations=None):
        generator, orders = np.random.default_rng(0), np.array(list(permutations(range(frames))))
        sets = -(-(presentations or self.presentations) // factorial(frames)) if len(split) >= frames else 0
        drawn = [generator.choice(len(split), frames, replace=False) for _ in range(sets)]
        shown = np.array(drawn, dtype=int).reshape(-1, frames)[:, orders].reshape(-1, frames)
        images = split.images[shown].reshape(len(shown), frames * split.images.shape[1])
        return replace(split, images=images, labels=split.labels[shown[:, self.asked]], shown=shown)


class Interval(Task):
    """The same image twice: in the first frame, and in another one. The class is which; the other frames are pauses."""

    sequences = True

    def dataset(self, dataset, frames):
        if frames < 3:
            raise ConfigurationError(f"an interval is one of at least 2; network.encoding shows {frames} frames, not 3")
        return replace(dataset, classes=frames - 1)

    def batch(self, batch, split, frames, generator):
        labels = generator.integers(frames - 1, size=len(batch.labels))
        return replace(batch, images=self._shown(batch.images, labels, frames), labels=labels)

    def split(self, split, frames, presentations=None):
        images = split.images if presentations is None else split.images[: -(-presentations // (frames - 1))]
        labels = np.tile(np.arange(frames - 1), len(images))
        shown = np.repeat(np.arange(len(images)), frames - 1)
        return replace(
            split, images=self._shown(images[shown], labels, frames), labels=labels, shown=shown[:, np.newaxis]
        )

    @staticmethod
    def _shown(images: np.ndarray, labels: np.ndarray, frames: int) -> np.ndarray:
        shown = np.zeros((len(images), frames, images.shape[1]), images.dtype)
        shown[:, 0] = images
        shown[np.arange(len(images)), 1 + labels] = images
        return shown.reshape(len(images), -1)


TASKS = Registry("task", Task, {"image": Task, "sequence": Sequence, "interval": Interval})
"""Tasks by name."""
