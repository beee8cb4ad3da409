"""Changes of training images that keep their class."""

import numpy as np

__all__ = ["shift_images"]


def shift_images(
    images: np.ndarray, image_shape: tuple[int, int], largest: int, generator: np.random.Generator
) -> np.ndarray:
    """Shift each image by up to `largest` pixels in each direction; what comes in from outside is 0.

    Parameters
    ----------
    images : ndarray, shape (images, pixels)
    image_shape : tuple of int
        Rows and columns. Images that lie side by side are shifted each for itself.
    largest : int
        Largest shift in pixels; 0 returns the images as they are and draws nothing.
    generator : numpy.random.Generator

    Returns
    -------
    ndarray, shape (images, pixels)
    """
    if largest == 0:
        return images
    rows, columns = image_shape
    padded = np.pad(images.reshape(-1, rows, columns), ((0, 0), (largest, largest), (largest, largest)))
    down, right = generator.integers(0, 2 * largest + 1, size=(2, len(padded), 1, 1))
    image = np.arange(len(padded))[:, np.newaxis, np.newaxis]
    shifted = padded[image, down + np.arange(rows)[:, np.newaxis], right + np.arange(columns)]
    return shifted.reshape(images.shape)
