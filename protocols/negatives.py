"""Negative data: images with a label that is not theirs."""

import numpy as np

from brianff.errors import ConfigurationError

__all__ = ["hardest", "wrong_labels"]


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
    """
    labels = np.asarray(labels)
    wanted = 1 if count is None else count
    if not 1 <= wanted < classes:
        raise ConfigurationError(f"cannot draw {wanted} different wrong labels out of {classes} classes")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
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
