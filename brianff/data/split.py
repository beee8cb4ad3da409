"""A data set in memory: its training and test part, in batches; one's own from arrays and files."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from brianff.arguments import explained
from brianff.arrays import checked
from brianff.data import files
from brianff.data.spikes import SpikeTrains, whole_numbers
from brianff.describing import Described
from brianff.description.fields import GENERATOR, Chosen, Place, Whole, argument, shown
from brianff.equations.parameters import Range, is_number
from brianff.errors import DataError

__all__ = ["Batch", "Dataset", "Split"]


@dataclass(frozen=True)
class Batch:
    """Some images of a split: intensities (images, pixels) in [0, 1], labels and indices in the split (images,)."""

    images: Any
    labels: np.ndarray
    indices: np.ndarray


@explained
@dataclass(frozen=True, eq=False)
class Split:
    """The training or test part of a data set.

    Parameters
    ----------
    images : ndarray, shape (images, pixels), or SpikeTrains
        Pixel values from 0 to `white`.
    labels : ndarray of int, shape (images,)
    white : float, optional
        Pixel value that stands for an intensity of 1; default: 255 of uint8, 1 of floats and bool. Other integers need
        it.
    shown : ndarray of int, shape (images, frames), optional
        Of presentations that were put together from images: the numbers of these. Statistics over images need them.

    Raises
    ------
    DataError
        If images and labels do not belong together, labels are not whole numbers, or pixels are not in [0, white].
    """

    images: Any
    labels: np.ndarray
    white: float | None = None
    shown: np.ndarray | None = None

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.images.shape))
        return f"Split(images={shape}, labels={np.unique(self.labels).tolist()}, white={self.white})"

    def __post_init__(self) -> None:
        images = self.images if isinstance(self.images, SpikeTrains) else _images(self.images, 2)
        labels = whole_numbers("labels", self.labels)
        if len(labels) != len(images):
            raise DataError(f"there are {len(labels)} labels for {len(images)} images: give one label per image")
        white = self.white
        if isinstance(images, np.ndarray):
            kind = images.dtype
            white = (255 if kind == np.uint8 else 1.0 if kind.kind in "bf" else None) if white is None else white
            if not is_number(white) or not 0 < white < np.inf:
                raise DataError(f"images of {kind} need white, the pixel value that stands for 1: it is {shown(white)}")
            if images.size and (kind, white) != (np.uint8, 255):
                low, high = images.min(), images.max()
                if not (low >= 0 and high <= white * (1 + 1e-6)):
                    raise DataError(f"pixels reach from {low} to {high}; they must lie in [0, {white}]: see `white`")
        self.__dict__.update(images=images, labels=labels, white=white)  # the dataclass is frozen

    def __len__(self) -> int:
        return len(self.labels)

    def intensities(self, rows: Chosen) -> Any:
        """Return the intensities of some images, in [0, 1], shape (images, pixels); or their spike trains.

        Parameters
        ----------
        rows : slice, ndarray of int, or ndarray of bool, shape (images,)
        """
        return self.images[rows] if self.white is None else self.images[rows] / float(self.white)

    @property
    def mean_image(self) -> np.ndarray:
        """Mean intensities, shape (pixels,); zero of no images."""
        return (
            np.asarray(self.images.mean(axis=0, dtype=float) / float(self.white or 1))
            if len(self)
            else np.zeros(self.images.shape[1])
        )

    def batches(self, size: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Yield all images in random order, in batches of `size`; the last may be smaller.

        Parameters
        ----------
        size : int
        generator : numpy.random.Generator
        """
        if not isinstance(size, int | np.integer) or size < 1:
            raise DataError(f"a batch of {shown(size)} images: it must hold at least one")
        argument("generator", generator, GENERATOR, DataError)
        order = generator.permutation(len(self))
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield Batch(self.intensities(rows), self.labels[rows], rows)

    def first(self, count: int) -> Split:
        """Return the first `count` images, or all if there are fewer.

        Parameters
        ----------
        count : int
        """
        return self._part(slice(None, _count(count)))

    def last(self, count: int) -> Split:
        """Return the last `count` images, or all if there are fewer.

        Parameters
        ----------
        count : int
        """
        return self._part(slice(max(len(self) - _count(count), 0), None))

    def without_last(self, count: int) -> Split:
        """Return all images but the last `count`.

        Parameters
        ----------
        count : int
        """
        return self._part(slice(None, max(len(self) - _count(count), 0)))

    def _part(self, rows: slice) -> Split:
        shown = None if self.shown is None else self.shown[rows]
        return Split(self.images[rows], self.labels[rows], self.white, shown)


@explained
@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Described):
    """A data set with its training and test part.

    Parameters
    ----------
    name : str
    train, test : Split
    image_shape : tuple of int
        Rows and columns; of features and units that have none: 1 and their number.
    classes : int
        Labels lie between 0 and `classes` - 1.
    licence : str
    """

    name: str
    train: Split
    test: Split
    image_shape: tuple[int, int]
    classes: int
    licence: str = ""

    @classmethod
    def from_arrays(
        cls,
        images: Any,
        labels: Any,
        test_images: Any = None,
        test_labels: Any = None,
        name: str = "own",
        white: float | None = None,
        image_shape: tuple[int, int] | None = None,
        classes: int | None = None,
        test_share: float | int = 0.2,
        licence: str = "",
    ) -> Dataset:
        """Return a data set of one's own.

        Parameters
        ----------
        images : array_like, shape (images, rows, columns) or (images, features), or SpikeTrains
        labels : array_like of int, shape (images,)
            Numbers of the classes, from 0.
        test_images, test_labels : array_like, optional
            Default: a share of the images, the same each time, with the proportions of the classes.
        name : str
        white : float, optional
            Pixel value that stands for an intensity of 1: see `Split`.
        image_shape : tuple of int, optional
            Rows and columns of images that are given as features.
        classes : int, optional
            Default: one more than the largest label; a warning tells of classes below it that have no image, such as 0
            where labels start at 1.
        test_share : float or int
            Share or number of the images that are taken for the test, if no test images are given.
        licence : str

        Raises
        ------
        DataError
            If images, labels and shapes do not belong together, or there are fewer than 2 classes.
        """
        if (test_images is None) != (test_labels is None):
            raise DataError("test_images and test_labels belong together: give both or none")
        images, labels = _images(images), whole_numbers("labels", labels)
        if image_shape is not None:
            image_shape = tuple(checked("image_shape", image_shape, (2,), kind="whole", range=Range("be 1 or more", 1)))
        if classes is not None:
            classes = argument("classes", classes, Whole(2), DataError)
        shape = images.shape[1:] if len(images.shape) == 3 else tuple(image_shape or (1, images.shape[1]))
        if test_images is None:
            if len(images) != len(labels):
                raise DataError(f"there are {len(labels)} labels for {len(images)} images: give one label per image")
            rows = _shares(labels, test_share)
            (images, test_images), (labels, test_labels) = ([of[some] for some in rows] for of in (images, labels))
        splits = []
        for part, numbers in ((images, labels), (_images(test_images), whole_numbers("test_labels", test_labels))):
            if part.shape[1:] != images.shape[1:] or np.prod(part.shape[1:]) != np.prod(shape) or len(shape) != 2:
                raise DataError(f"images of the shape {part.shape[1:]} are not such of {images.shape[1:]}, {shape}")
            flat = part if isinstance(part, SpikeTrains) else part.reshape(len(part), int(np.prod(shape)))
            splits.append(Split(flat, numbers, white))
        largest = max(int(split.labels.max(initial=-1)) for split in splits)
        if classes is None:
            classes = largest + 1
            _warn_of_gaps(np.concatenate([split.labels for split in splits]), name)
        if classes < max(2, largest + 1):
            raise DataError(f"labels reach to {largest} and there are {classes} classes; there must be 2 or more")
        return cls(name, splits[0], splits[1], (shape[0], shape[1]), classes, licence)

    @classmethod
    def from_spikes(
        cls,
        unit: Any,
        time: Any,
        sample: Any,
        labels: Any,
        *,
        units: int,
        duration: Any,
        time_step: Any,
        test_samples: int | None = None,
        **options: Any,
    ) -> Dataset:
        """Return a data set of spike trains, for networks with an `EventEncoding`.

        Parameters
        ----------
        unit, time, sample : array_like, shape (spikes,)
            Which unit spikes, when (seconds, or a quantity), and in which sample: units and samples count from 0.
        labels : array_like of int, shape (samples,)
        units : int
            Number of input units: the network's `pixels`.
        duration, time_step : quantity, str or float (seconds)
            Length of a sample, and of a time step of the network; their ratio is the encoding's `steps`.
        test_samples : int, optional
            Number of the last samples that are the test set; default: a share, as in `from_arrays`.
        **options
            As in `from_arrays`: name, image_shape, classes, test_share, licence.

        Raises
        ------
        DataError
            If an event lies outside, or arrays do not belong together.
        """
        labels = whole_numbers("labels", labels)
        trains = SpikeTrains.from_events(unit, time, sample, len(labels), units, duration, time_step)
        if test_samples is None:
            return cls.from_arrays(trains, labels, **options)
        argument("test_samples", test_samples, Whole(0, len(labels) - 1), DataError)
        first = len(labels) - test_samples
        return cls.from_arrays(trains[:first], labels[:first], trains[first:], labels[first:], **options)

    @classmethod
    def from_folder(cls, path: str | Path, **options: Any) -> Dataset:
        """Return the PNG and JPEG images of a folder with a subfolder for each class, as shades of grey.

        Parameters
        ----------
        path : str or Path
            It holds the classes, or `train` and perhaps `test` that hold them. Classes are numbered in the order of
            their names, which is that of the numbers if all names are numbers.
        **options
            As in `from_arrays`.

        Raises
        ------
        DataError
            If a class is empty, an image cannot be read, or images differ in size.
        """
        return cls.from_arrays(**{"name": _place(path).resolve().name} | files.read_folder(_place(path)) | options)

    @classmethod
    def from_npz(cls, path: str | Path, **options: Any) -> Dataset:
        """Return the data set of an NPZ file whose arrays are named as parameters of `from_arrays` or `from_spikes`.

        Options are parameters, too; they go before what the file holds. A DataError tells what is missing.

        Parameters
        ----------
        path : str or Path
        **options
            As in `from_arrays`.
        """
        return cls._from_file(_place(path), files.read_npz(_place(path)), options)

    @classmethod
    def from_hdf5(cls, path: str | Path, **options: Any) -> Dataset:
        """Return the data set of an HDF5 file, as `from_npz` does; it needs h5py, or a MissingDependencyError.

        Parameters
        ----------
        path : str or Path
        **options
            As in `from_arrays`.
        """
        return cls._from_file(_place(path), files.read_hdf5(_place(path)), options)

    @classmethod
    def from_csv(cls, path: str | Path, **options: Any) -> Dataset:
        """Return the spike trains of a table with the columns unit, time (seconds), sample and label.

        Samples are numbered in the order of their numbers. Options are the other parameters of `from_spikes`: units,
        duration and time_step are needed.

        Parameters
        ----------
        path : str or Path
        **options
            As in `from_arrays`.
        """
        return cls._from_file(_place(path), files.read_csv(_place(path)), options)

    @classmethod
    def _from_file(cls, path: Path, arrays: dict[str, Any], options: dict[str, Any]) -> Dataset:
        """Return the data set that a file's arrays and options describe."""
        given = {"name": path.stem} | arrays | options
        try:
            return cls.from_spikes(**given) if "unit" in given else cls.from_arrays(**given)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        except TypeError as error:  # an array is missing, or one too many
            raise DataError(
                f"{path} holds {', '.join(arrays)}: {error}. Images need images and labels; spikes need unit, time, "
                "sample, labels, units, duration and time_step"
            ) from None

    def _facts(self) -> dict[str, Any]:
        own = {"name": self.name, "training": len(self.train), "test": len(self.test)}
        return own | {"image_shape": self.image_shape, "classes": self.classes}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that learning sees: both parts, their types and shapes, and the meaning of white."""
        checksum = hashlib.sha256(repr((self.image_shape, self.classes)).encode())
        for part in (self.train, self.test):
            images, arrays = part.images, [part.labels.astype(np.int64)]
            if isinstance(images, SpikeTrains):
                arrays += [index.astype(np.int64) for index in (images.matrix.indptr, images.matrix.indices)]
                about: tuple[Any, ...] = (images.shape, images.steps, images.time_step)
            else:
                arrays.append(np.ascontiguousarray(images))
                about = (images.shape, images.dtype.str, float(part.white or 0))
            checksum.update(repr(about).encode())
            for array in arrays:
                checksum.update(array.data if array.size else b"")
        return checksum.hexdigest()


def _images(images: Any, *dimensions: int) -> Any:
    """Return images as an array of numbers, of 2 or 3 dimensions if none are named; spike trains as they are."""
    if isinstance(images, SpikeTrains):
        return images
    try:
        array = np.asarray(images) if not isinstance(images, np.ma.MaskedArray) else np.empty(0, object)
    except Exception as error:
        told = str(error) or type(error).__name__
        raise DataError(f"images must be one array, all of one size: {told}") from None
    if array.dtype.kind not in "buif" or array.ndim not in (dimensions or (2, 3)):
        raise DataError(
            f"images are {type(images).__name__} of {array.dtype}, shape {array.shape}; they must be numbers, "
            "(images, rows, columns), shades of grey, or (images, features)"
        )
    return array


def _place(path: Any) -> Path:
    return argument("path", path, Place(), DataError)


def _count(count: int) -> int:
    if not isinstance(count, int | np.integer) or count < 0:
        raise DataError(f"{shown(count)} images: a number of images is 0 or more")
    return count


def _warn_of_gaps(labels: np.ndarray, name: str) -> None:
    """Warn of classes below the largest label that have no image: a network and its chance would count them."""
    empty = np.setdiff1d(np.arange(labels.max() + 1), labels)
    if empty.size:
        which = ", ".join(map(str, empty[:5])) + (", ..." if empty.size > 5 else "")
        start = f"labels start at {labels.min()}: " if empty.size == labels.min() else ""
        warnings.warn(
            f"data set {name!r}: {start}{labels.max() + 1} classes, of which no image has {which}. Number classes from "
            "0, such as by np.unique(labels, return_inverse=True)[1], or give `classes` if that is meant",
            stacklevel=4,  # `from_arrays`, and `explained` around it
        )


def _shares(labels: np.ndarray, share: float | int) -> list[np.ndarray]:
    """Return the rows of the training and of the test part."""
    from sklearn.model_selection import train_test_split

    try:
        return train_test_split(np.arange(len(labels)), test_size=share, random_state=0, stratify=labels)
    except ValueError as error:
        told = " ".join(str(error).split())
        raise DataError(
            f"no test share of {shown(share)} can be taken ({told}): give a test set, or test_share"
        ) from None
