"""Looking piecewise cubic functions up for every neuron of every presentation, as fast as the processor can."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from brianff.acceleration.compiled import library
from brianff.acceleration.threads import share

__all__ = ["CompiledLookup", "Lookup", "Segment", "SumsOfRows"]

PARTS = 8
"""Parts of the presentations that each thread takes one after the other."""

PART_SIZE = 2**17
"""Arguments of a part, at least: fewer take less time than handing them to a thread."""


@dataclass(frozen=True)
class Segment:
    """A piecewise cubic function on equal cells, some of which may be divided into equal parts.

    Parameters
    ----------
    low, high : float
        Its domain, [low, high).
    coefficients : ndarray, shape (parts, pieces, 4)
        Of the powers 0 to 3 of the place in the part, from 0 to 1. Each part has one piece, or two. Straight lines on
        whole cells, (cells, 1, 2), have the powers 0 and 1.
    breaks : ndarray, shape (parts,), or None
        Argument from which on the second piece of each part holds; inf: nowhere.
    divided : ndarray of int, shape (cells, 2), or None
        The first part of each cell, and how many it has; None: each cell is one part.
    """

    low: float
    high: float
    coefficients: np.ndarray
    breaks: np.ndarray | None = None
    divided: np.ndarray | None = None

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.coefficients if self.divided is None else self.divided)

    def __call__(self, argument: np.ndarray) -> np.ndarray:
        """Return the function at arguments in its domain."""
        place = (argument - self.low) * (self.cells / (self.high - self.low))
        part = np.clip(place.astype(np.int64), 0, self.cells - 1)
        t = place - part
        if self.divided is not None:
            first, count = self.divided[part].T
            t = t * count
            within = np.clip(t.astype(np.int64), 0, count - 1)
            part, t = first + within, t - within
        piece = 0 if self.breaks is None else (argument >= self.breaks[part]).astype(np.int64)
        c, result = self.coefficients[part, piece], np.zeros(np.shape(argument))
        for power in range(c.shape[-1])[::-1]:
            result = c[..., power] + t * result
        return result

    def straight(self, cells: int) -> Segment:
        """Return straight lines between the values at the ends of so many cells."""
        edges = np.linspace(self.low, self.high, cells + 1)
        values = self(edges)
        return Segment(self.low, self.high, np.stack([values[:-1], np.diff(values)], axis=1)[:, np.newaxis])


@dataclass(frozen=True, eq=False)
class SumsOfRows:
    """Arguments that are sums of two rows, that of an image and that of a label; they are not stored.

    Parameters
    ----------
    of_images : ndarray, shape (images, neurons)
    of_labels : ndarray, shape (labels, neurons)
    image, label : ndarray of int64, shape (presentations,)
        Which rows add up to those of each presentation.
    whole : SumsOfRows, optional
        Arguments of which these are some.
    """

    of_images: np.ndarray
    of_labels: np.ndarray
    image: np.ndarray
    label: np.ndarray
    whole: SumsOfRows | None = None

    def __len__(self) -> int:
        return len(self.image)

    @cached_property
    def described(self) -> ctypes.Structure:
        """The rows as the compiled code reads them."""
        dtype = self.of_images.dtype.type
        return _Drives(
            _address(self.of_images, dtype),
            _address(self.of_labels, dtype),
            _address(self.image, np.int64),
            _address(self.label, np.int64),
            self.of_images.shape[1],
        )

    def select(self, presentations: Any) -> SumsOfRows:
        """Return the arguments of some presentations: an index array, a mask or a slice."""
        image, label = (np.ascontiguousarray(numbers[presentations]) for numbers in (self.image, self.label))
        return SumsOfRows(self.of_images, self.of_labels, image, label, self.whole or self)

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """Numbers between which all arguments lie, at the cost of a look at the rows."""
        if self.whole is not None:
            return self.whole.bounds
        rows = self.of_images, self.of_labels
        if not all(one.size for one in rows):
            return 0.0, 0.0
        return float(sum(one.min() for one in rows)), float(sum(one.max() for one in rows))

    def extremes(self) -> tuple[float, float]:
        """Return the lowest and the highest argument; nan if any is."""
        low, high = np.inf, -np.inf
        for image, label in zip(np.array_split(self.image, PARTS), np.array_split(self.label, PARTS), strict=True):
            rows = self.of_images[image] + self.of_labels[label]
            low, high = np.minimum(low, rows.min(initial=np.inf)), np.maximum(high, rows.max(initial=-np.inf))
        return float(low), float(high)


class CompiledLookup:
    """A function made of pieces, looked up by compiled code where there is a compiler.

    Parameters
    ----------
    pieces : sequence
        At least one, the first the one in which nearly all arguments lie.
    dtype : type
        Of the arithmetic.
    """

    source: Path
    """File of the compiled code."""

    part_size = PART_SIZE
    """Arguments of a part, at least."""

    def __init__(self, pieces: Sequence[Any], dtype: type[np.floating]):
        self._pieces, self.dtype = pieces, dtype
        self._library = library(self.source)
        # Here, not when first used: two threads that both made it would free each other's arrays.
        self._kept: list[Any] = []
        self._described = self._describe()

    def values(self, arguments: Any, out: np.ndarray, threads: int = 1) -> bool:
        """Write the function of all arguments to `out`, shape (presentations, neurons).

        Returns whether all of them lie in a piece; what is written where they do not means nothing.
        """
        return self._in_parts("values", arguments, out, threads)

    def sums(self, arguments: Any, out: np.ndarray, threads: int = 1) -> bool:
        """Write the sum over the neurons of each presentation to `out`, doubles of shape (presentations,).

        Returns what `values` does.
        """
        return self._in_parts("sums", arguments, out, threads)

    def _in_parts(self, what: str, arguments: Any, out: np.ndarray, threads: int) -> bool:
        count, neurons = self._size(arguments)
        lost, step = [], max(-(-count // (PARTS * threads)), -(-self.part_size // neurons), 1)

        def compute(first: int) -> None:
            last = min(first + step, count)
            if self._library is not None:
                lost.append(self._call(what, arguments, first, last, out))
                return
            values, lost_here = self._slowly(arguments, slice(first, last))
            out[first:last] = values if what == "values" else values.sum(axis=1)
            lost.append(lost_here)

        share(compute, range(0, count, step), min(threads, -(-count // step)))
        return not any(lost)

    def _compiled(self, name: str, *more: Any) -> tuple[Any, list[Any]]:
        """Return the compiled function of a name, and numbers and arrays as it takes them."""
        function = getattr(self._library, f"{name}_{'single' if self.dtype is np.float32 else 'double'}")
        given = [_address(one, one.dtype.type) if isinstance(one, np.ndarray) else ctypes.c_int64(one) for one in more]
        return function, given

    def _size(self, arguments: Any) -> tuple[int, int]:
        """Return the numbers of presentations and of neurons."""
        raise NotImplementedError

    def _slowly(self, arguments: Any, rows: Any) -> tuple[np.ndarray, bool]:
        """Return what `values` writes for some presentations, and whether an argument lies in no piece."""
        raise NotImplementedError

    def _call(self, name: str, arguments: Any, *more: Any) -> bool:
        """Call the compiled function of a name; returns what it returns."""
        raise NotImplementedError

    def _describe(self) -> Any:
        """Return the pieces as the compiled code reads them; `_kept` holds their arrays."""
        raise NotImplementedError


class Lookup(CompiledLookup):
    """A function of one argument; its pieces are segments."""

    source = Path(__file__).with_suffix(".cpp")

    @property
    def breaks(self) -> np.ndarray:
        """Arguments at which the function has a kink or a jump, in rising order."""
        found = [one.breaks for one in self._pieces if one.breaks is not None]
        return np.sort(np.concatenate([one[np.isfinite(one)] for one in found])) if found else np.empty(0)

    def _size(self, arguments: SumsOfRows) -> tuple[int, int]:
        return len(arguments), arguments.of_images.shape[1]

    def add(
        self,
        arguments: SumsOfRows,
        images: slice,
        order: np.ndarray,
        starts: np.ndarray,
        weights: np.ndarray,
        by_image: np.ndarray,
        by_label: np.ndarray,
    ) -> None:
        """Add weight x function of the presentations of some images to these images' rows, and to those of labels.

        Parameters
        ----------
        arguments : SumsOfRows
            All of which lie in a segment.
        images : slice
        order : ndarray of int64, shape (presentations,)
            Presentations, those of an image one after the other.
        starts : ndarray of int64, shape (images + 1,)
            Where those of each image begin in `order`, of all images.
        weights : ndarray, shape (presentations,)
            A presentation of weight 0 costs nothing.
        by_image : ndarray, shape (these images, neurons)
        by_label : ndarray, shape (labels, neurons)
        """
        if self._library is not None:
            self._call("add", arguments, images.start, images.stop, order, starts, weights, by_image, by_label)
            return
        for row, image in enumerate(range(images.start, images.stop)):
            for presentation in order[starts[image] : starts[image + 1]]:
                change = weights[presentation] * self._slowly(arguments, slice(presentation, presentation + 1))[0][0]
                by_image[row] += change
                by_label[arguments.label[presentation]] += change

    def _slowly(self, arguments: SumsOfRows, rows: slice) -> tuple[np.ndarray, bool]:
        argument = arguments.of_images[arguments.image[rows]] + arguments.of_labels[arguments.label[rows]]
        values, missing = np.empty_like(argument), np.ones(argument.shape, bool)
        for segment in self._pieces:
            inside = (argument >= segment.low) & (argument < segment.high)
            values[inside] = segment(argument[inside])
            missing &= ~inside
        return values, bool(missing.any())

    def _call(self, name: str, arguments: SumsOfRows, *more: Any) -> bool:
        function, given = self._compiled(name, *more)
        return bool(function(ctypes.byref(self._described), ctypes.byref(arguments.described), *given))

    def _describe(self) -> ctypes.Structure:
        real = ctypes.c_float if self.dtype is np.float32 else ctypes.c_double

        class Described(ctypes.Structure):
            _fields_ = (
                ("coefficients", ctypes.c_void_p),
                ("breaks", ctypes.c_void_p),
                ("divided", ctypes.c_void_p),
                ("low", real),
                ("high", real),
                ("cells_per_drive", real),
                ("cells", ctypes.c_int32),
                ("degree", ctypes.c_int32),
            )

        described = (Described * len(self._pieces))()
        for item, one in zip(described, self._pieces, strict=True):
            for name, kind in (("coefficients", self.dtype), ("breaks", self.dtype), ("divided", np.int32)):
                if (array := getattr(one, name)) is not None:
                    self._kept.append(np.ascontiguousarray(array, kind))
                    setattr(item, name, self._kept[-1].ctypes.data)
            item.low, item.high, item.cells = one.low, one.high, one.cells
            item.degree = one.coefficients.shape[-1] - 1
            item.cells_per_drive = one.cells / (one.high - one.low)
        self._array = described
        return _Function(ctypes.cast(described, ctypes.c_void_p), len(described))


class _Function(ctypes.Structure):
    _fields_ = (("segments", ctypes.c_void_p), ("count", ctypes.c_int64))


class _Drives(ctypes.Structure):
    _fields_ = (
        ("images", ctypes.c_void_p),
        ("labels", ctypes.c_void_p),
        ("image", ctypes.c_void_p),
        ("label", ctypes.c_void_p),
        ("neurons", ctypes.c_int64),
    )


def _address(array: np.ndarray, dtype: type) -> ctypes.c_void_p:
    """Return where a contiguous array lies."""
    assert array.flags.c_contiguous
    assert array.dtype == dtype
    return ctypes.c_void_p(array.ctypes.data)
