"""The back-propagated network to compare with: a relu multilayer perceptron of the same size on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from brianff.data.named import load_dataset
from brianff.data.split import Batch, Dataset, Split
from brianff.protocols.augmentation import Augmentation
from brianff.protocols.configuration import Data
from brianff.random import RandomStreams

__all__ = ["backpropagated", "backpropagated_accuracy"]


def backpropagated_accuracy(
    dataset: str,
    hidden: Sequence[int],
    seed: int,
    shift: int = 0,
    epochs: int = 60,
    batch: int = 128,
    data_dir: Path | None = None,
    augmentation: Sequence[Augmentation] = (),
) -> float:
    """Train scikit-learn's MLPClassifier (Adam, its default step size) and return its accuracy on the test images.

    Parameters
    ----------
    dataset : str
    hidden : sequence of int
        Sizes of the hidden layers.
    seed : int
    shift : int
        Training images are shifted by up to so many pixels, anew in each epoch, as `Data.shift` does.
    epochs : int
        Passes over the training images; the last network counts, whatever its accuracy.
    batch : int
    data_dir : Path, optional
    augmentation : sequence of Augmentation
        What else changes the training images, as in `Data`.
    """
    data, shown = load_dataset(dataset, data_dir), Data(shift=shift, augmentation=augmentation)
    decided = backpropagated(data.train, data.test, data, hidden, seed, shown, epochs, batch)
    return float(np.mean(decided == data.test.labels))


def backpropagated(
    training: Split,
    held_out: Split,
    data: Dataset,
    hidden: Sequence[int],
    seed: int,
    shown: Data,
    epochs: int = 60,
    batch: int = 128,
    frames: int = 1,
) -> np.ndarray:
    """Return the labels that a network as in `backpropagated_accuracy` gives; training images as `shown` tells.

    Of presentations of several frames it sees all side by side, so that it needs no memory.
    """
    from sklearn.neural_network import MLPClassifier

    streams, images = RandomStreams(seed), training.intensities(slice(None)).astype(np.float32)
    # A generator, not a number: it goes on from epoch to epoch, so that each has an order of its own.
    order = np.random.RandomState(streams["baseline"].integers(2**32))
    network = MLPClassifier(tuple(hidden), batch_size=min(batch, len(images)), random_state=order)
    for _ in range(epochs):
        images_now = shown.distorted(images, data.image_shape, streams)
        batch_of_all = Batch(images_now, training.labels, np.arange(len(images)))
        drawn = shown.made_task.batch(batch_of_all, training, frames, streams["task"])
        network.partial_fit(drawn.images.astype(np.float32), drawn.labels, classes=np.arange(data.classes))
    return network.predict(held_out.intensities(slice(None)).astype(np.float32))
