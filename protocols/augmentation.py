"""Augmentation: changes of training images that keep their class, drawn anew each time an image is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import numpy as np

from brianff.errors import ConfigurationError, missing
from brianff.registry import Registry

__all__ = [
    "AUGMENTATIONS",
    "Affine",
    "Augmentation",
    "Cutout",
    "Elastic",
    "Flip",
    "PixelDropout",
    "Shift",
    "Warp",
    "augmented",
    "shift_images",
]

TOGETHER = 32
"""Images that are warped at a time, few enough for the processor's cache. Part of the results: it orders the draws."""


class Augmentation:
    """Base of the augmentations; one of your own needs `__call__`, a `Warp` of your own `displacements`.

    An own one with parameters is a frozen dataclass.
    """

    def __call__(self, images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Return changed images.

        Parameters
        ----------
        images : ndarray, shape (images, rows, columns)
            Intensities in [0, 1]; they are left as they are. Of several frames, each is an image.
        generator : numpy.random.Generator

        Returns
        -------
        ndarray, shape (images, rows, columns)
            Intensities in [0, 1].
        """
        raise missing(self, "__call__")

    def _positive(self, **least: float) -> None:
        """Raise a ConfigurationError if a parameter is not a number of at least so much."""
        for name, smallest in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not smallest <= value < np.inf:
                raise ConfigurationError(f"{type(self).__name__}: {name} is {value!r}; it must be {smallest} or more")

    def _share(self) -> None:
        """Raise a ConfigurationError if the probability is none."""
        self._positive(probability=0)
        if self.probability > 1:  # type: ignore[attr-defined]
            raise ConfigurationError(f"{type(self).__name__}: probability is {self.probability}; it is at most 1")  # type: ignore[attr-defined]


class Warp(Augmentation):
    """Moves the pixels of an image smoothly: each takes the intensity of another place, interpolated bilinearly.

    What comes in from outside is 0. Warps that follow each other are added, and images interpolated only once.
    """

    def displacements(self, count: int, shape: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
        """Return where each pixel takes its intensity from, relative to its own place.

        Parameters
        ----------
        count : int
            Number of images.
        shape : tuple of int
            Rows and columns.
        generator : numpy.random.Generator

        Returns
        -------
        ndarray of float32, shape (2, images, rows, columns), or broadcastable to it
            Pixels down, and pixels to the right.
        """
        raise missing(self, "displacements")

    def __call__(self, images, generator):
        return _warped([self], images, generator)


@dataclass(frozen=True)
class Shift(Augmentation):
    """Shifts each image by whole pixels; what comes in from outside is 0. `data.shift` does the same.

    Parameters
    ----------
    largest : int
        Largest shift in pixels in each direction.
    """

    largest: int = 2

    def __post_init__(self) -> None:
        self._positive(largest=0)

    def __call__(self, images, generator):
        return shift_images(images, images.shape[1:], self.largest, generator)


@dataclass(frozen=True)
class Flip(Augmentation):
    """Turns left and right around.

    Parameters
    ----------
    probability : float
        For each image.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        self._share()

    def __call__(self, images, generator):
        turned = generator.random(len(images)) < self.probability
        return np.where(turned[:, np.newaxis, np.newaxis], images[..., ::-1], images)


@dataclass(frozen=True)
class Affine(Warp):
    """Rotates, scales and shears each image about its centre.

    With a, s and h drawn uniformly between plus and minus their largest values, rows and columns scaled apart, a pixel
    at r from the centre takes the intensity at ``R(a) diag(1 + s) [[1, h], [0, 1]] r``.

    Parameters
    ----------
    rotation : float
        Largest angle (radian).
    scale : float
        Largest relative change of height and of width.
    shear : float
        Largest shear: rows move by so many columns for each row.
    """

    rotation: float = 0.15
    scale: float = 0.1
    shear: float = 0.1

    def __post_init__(self) -> None:
        self._positive(rotation=0, scale=0, shear=0)

    def displacements(self, count, shape, generator):
        angle, down, right, shear = generator.uniform(-1, 1, (4, count)) * np.array(
            [[self.rotation], [self.scale], [self.scale], [self.shear]]
        )
        cosine, sine, down, right = np.cos(angle), np.sin(angle), 1 + down, 1 + right
        # Rows r and columns c: (r, c) -> (down r, right (c + shear r)), then rotated.
        matrix = (
            np.array(
                [
                    [cosine * down - sine * right * shear, -sine * right],
                    [sine * down + cosine * right * shear, cosine * right],
                ]
            )
            - np.eye(2)[..., np.newaxis]
        )
        rows, columns = (np.arange(size, dtype=np.float32) - (size - 1) / 2 for size in shape)
        of_rows, of_columns = matrix.astype(np.float32).swapaxes(0, 1)[..., np.newaxis, np.newaxis]
        return of_rows * rows[:, np.newaxis] + of_columns * columns


@dataclass(frozen=True)
class Elastic(Warp):
    """Moves pixels by a smooth random field (Simard et al., ICDAR 2003).

    Both components are Gaussian fields with the covariance ``pixels^2 exp(-d^2 / (4 smoothing^2))`` at a distance d:
    white noise that a Gaussian has smoothed, drawn by the eigenvectors of its covariance along rows and columns.

    Parameters
    ----------
    pixels : float
        Standard deviation of each component.
    smoothing : float
        Standard deviation of the Gaussian, in pixels.
    """

    pixels: float = 0.8
    smoothing: float = 4.0

    def __post_init__(self) -> None:
        self._positive(pixels=0, smoothing=0.1)

    def displacements(self, count, shape, generator):
        along_rows, along_columns = (_components(size, self.smoothing) for size in shape)
        drawn = generator.standard_normal((2, count, along_rows.shape[1], along_columns.shape[1]), dtype=np.float32)
        return along_rows @ (drawn @ (np.float32(self.pixels) * along_columns.T))


@dataclass(frozen=True)
class Cutout(Augmentation):
    """Blackens a square of each image, with its centre at any pixel; it may reach beyond the edge (arXiv 1708.04552).

    Parameters
    ----------
    size : int
        Edge of the square in pixels.
    """

    size: int = 8

    def __post_init__(self) -> None:
        self._positive(size=0)

    def __call__(self, images, generator):
        inside = []
        for axis, length in enumerate(images.shape[1:]):
            first = generator.integers(length, size=(len(images), 1)) - self.size // 2
            place = np.arange(length)
            inside.append(np.expand_dims((place >= first) & (place < first + self.size), 2 - axis))
        return np.where(inside[0] & inside[1], 0, images)


@dataclass(frozen=True)
class PixelDropout(Augmentation):
    """Blackens single pixels: no pulse comes from them. Those that are left keep their intensity.

    Parameters
    ----------
    probability : float
        For each pixel.
    """

    probability: float = 0.2

    def __post_init__(self) -> None:
        self._share()

    def __call__(self, images, generator):
        return images * (generator.random(images.shape, dtype=np.float32) >= self.probability)


_PARTS: dict[str, type[Augmentation]] = {
    "shift": Shift,
    "flip": Flip,
    "affine": Affine,
    "elastic": Elastic,
    "cutout": Cutout,
    "pixel-dropout": PixelDropout,
}
AUGMENTATIONS = Registry("augmentation", Augmentation, _PARTS)
"""Augmentations by name."""


def augmented(
    parts: Sequence[Augmentation], images: np.ndarray, image_shape: tuple[int, int], generator: np.random.Generator
) -> np.ndarray:
    """Return images changed by augmentations, one after the other.

    Parameters
    ----------
    parts : sequence of Augmentation
        Empty: the images are returned as they are, and nothing is drawn.
    images : ndarray, shape (images, frames x pixels)
    image_shape : tuple of int
        Rows and columns. Images that lie side by side are changed each for itself.
    generator : numpy.random.Generator

    Raises
    ------
    ConfigurationError
        If an augmentation changes the shape.
    """
    if not parts:
        return images
    shown = images.reshape(-1, *image_shape)
    for warps, group in groupby(parts, lambda part: isinstance(part, Warp) and type(part).__call__ is Warp.__call__):
        if warps:
            shown = _warped(list(group), shown, generator)  # type: ignore[arg-type]
            continue
        for part in group:
            before, shown = shown.shape, np.asarray(part(shown, generator))
            if shown.shape != before:
                name = AUGMENTATIONS.name_of(part)
                raise ConfigurationError(f"augmentation {name!r} gave the shape {shown.shape}; images have {before}")
    return shown.reshape(images.shape)


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
    shown = images.reshape(-1, rows, columns)
    padded = np.zeros((len(shown), rows + 2 * largest, columns + 2 * largest), images.dtype)
    padded[:, largest : largest + rows, largest : largest + columns] = shown
    down, right = generator.integers(0, 2 * largest + 1, size=(2, len(padded), 1, 1))
    windows: np.ndarray = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), (1, 2))  # type: ignore[call-overload]
    return windows[np.arange(len(padded)), down.ravel(), right.ravel()].reshape(images.shape)


@cache
def _components(size: int, smoothing: float) -> np.ndarray:
    """Return eigenvectors (places, components) of the covariance along an axis, times the roots of the eigenvalues."""
    place = np.arange(size)
    values, vectors = np.linalg.eigh(np.exp(-((place[:, np.newaxis] - place) ** 2) / (4 * smoothing**2)))
    kept = values > 1e-6 * values[-1]
    return (vectors[:, kept] * np.sqrt(values[kept])).astype(np.float32)


def _warped(warps: Sequence[Warp], images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return images (images, rows, columns) that take each pixel's intensity from another place, bilinearly."""
    count, rows, columns = images.shape
    height, width = rows + 2, columns + 2  # a frame of zeros: places outside take from it
    padded = np.zeros((min(count, TOGETHER), height, width), np.float32)
    own = np.indices((rows, columns), np.float32)[:, np.newaxis] + 1
    last = np.array([rows, columns], np.float32).reshape(2, 1, 1, 1) + np.float32(0.99999)
    offsets = (np.arange(len(padded), dtype=np.int32) * height * width)[:, np.newaxis, np.newaxis]
    warped = np.empty_like(images)
    for start in range(0, count, TOGETHER):
        some = images[start : start + TOGETHER]
        padded[: len(some), 1:-1, 1:-1] = some
        place = sum((warp.displacements(len(some), (rows, columns), generator) for warp in warps), own)
        place = np.minimum(np.maximum(place, 0, dtype=np.float32), last)
        corner = place.astype(np.int32)
        down, right = place - corner.astype(np.float32)  # int32 would make them double
        first = corner[0] * width + corner[1] + offsets[: len(some)]
        flat = padded.reshape(-1)
        upper, lower = flat.take(first), flat.take(first + width)
        upper += right * (flat.take(first + 1) - upper)
        lower += right * (flat.take(first + (width + 1)) - lower)
        upper += down * (lower - upper)
        warped[start : start + TOGETHER] = upper
    return warped
