"""Negative data: images with a label that is not theirs, and, without labels, mixtures of two images."""

import numpy as np

from brianff.errors import ConfigurationError

__all__ = ["hardest", "hybrid_images", "wrong_labels"]


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
    count = len(images)
    field = generator.integers(0, 2, (count, *image_shape)).astype(float)
    for axis in (1, 2) * blurs:
        ahead, behind = np.roll(field, 1, axis), np.roll(field, -1, axis)  # round the edges, so that none is special
        field = (ahead + 2 * field + behind) / 4
    mask = (field > 0.5).reshape(images.shape)
    other = np.roll(images, generator.integers(1, count), axis=0) if count > 1 else images
    return np.where(mask, images, other)
