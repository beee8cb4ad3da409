"""Looking functions of two arguments up, each a sum of two rows, for every neuron of every presentation."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from brianff.acceleration.lookup import PART_SIZE, CompiledLookup, SumsOfRows

__all__ = ["SCALE", "Patch", "Surface", "SurfaceLookup", "unwarped", "warped"]

SCALE = 0.25
"""Arguments up to here have equal cells; those of larger ones grow in proportion to them."""

NOWHERE = 1e30
"""Place of curves that there are not."""

Pair = tuple[SumsOfRows, SumsOfRows]


def warped(argument: ArrayLike) -> np.ndarray:
    """Return the places of arguments on an axis with equal cells."""
    return np.arcsinh(np.asarray(argument) / SCALE)


def unwarped(place: ArrayLike) -> np.ndarray:
    """Return the arguments at places."""
    return SCALE * np.sinh(np.asarray(place))


@dataclass(frozen=True)
class Patch:
    """A part of a surface, from one place of the first argument to another; curves divide it into strips.

    Parameters
    ----------
    low, high : float
        Places of the first argument.
    curves : ndarray, shape (rows, curves, 2)
        At equal distances of the first argument: places of the second at which the next strip begins, and their slope
        for each row.
    strips : tuple of ndarray, shape (rows, columns, 4)
        Of each strip, at equal distances from its begin to its end: the function, its slopes for each row and for each
        column, and its mixed derivative.
    """

    low: float
    high: float
    curves: np.ndarray
    strips: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Surface:
    """A function of two arguments that is bicubic between curves.

    Parameters
    ----------
    low, high : tuple of float
        Its domain: arguments from `low` and below `high`.
    patches : tuple of Patch
        One after the other along the first argument.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    patches: tuple[Patch, ...]

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the function at arguments (arguments,) in its domain."""
        x, y = warped(first), warped(second)
        result, which = np.empty(len(x)), np.searchsorted([one.high for one in self.patches[:-1]], x, side="right")
        for number in np.unique(which):
            patch, own = self.patches[number], np.flatnonzero(which == number)
            rows = len(patch.curves) - 1
            row, t = _cell((x[own] - patch.low) / (patch.high - patch.low), rows)
            basis = _hermite(t)
            curves = np.einsum("bn,bncd->nc", basis[::2], patch.curves[np.stack([row, row + 1])][..., :1]) + np.einsum(
                "bn,bncd->nc", basis[1::2], patch.curves[np.stack([row, row + 1])][..., 1:]
            )
            edges = np.hstack(
                [
                    np.full((len(own), 1), warped(self.low[1])),
                    curves,
                    np.full((len(own), 1), warped(self.high[1])),
                ]
            )
            strip = (y[own, np.newaxis] >= curves).cumprod(axis=1).sum(axis=1)
            for one, nodes in enumerate(patch.strips):
                inside = np.flatnonzero(strip == one)
                begin, end = edges[inside, one], edges[inside, one + 1]
                column, u = _cell((y[own[inside]] - begin) / (end - begin), nodes.shape[1] - 1)
                across, at = _hermite(u), row[inside]
                value = np.zeros(len(inside))
                for i in (0, 1):
                    for k in (0, 1):
                        f, f1, f2, f12 = nodes[at + i, column + k].T
                        b, c = basis[2 * i : 2 * i + 2, inside], across[2 * k : 2 * k + 2]
                        value += c[0] * (b[0] * f + b[1] * f1) + c[1] * (b[0] * f2 + b[1] * f12)
                result[own[inside]] = value
        return result


def _cell(place: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell of places from 0 to 1, and where in it they lie."""
    scaled = place * cells
    cell = np.clip(scaled.astype(np.int64), 0, cells - 1)
    return cell, scaled - cell


def _hermite(t: np.ndarray) -> np.ndarray:
    """Return the weights of value and slope at 0, and of value and slope at 1; shape (4, places)."""
    s = 1 - t
    return np.stack([s * s * (1 + 2 * t), t * s * s, t * t * (3 - 2 * t), -t * t * s])


class SurfaceLookup(CompiledLookup):
    """A function of two arguments; its pieces are surfaces. An argument at which it is not finite lies in none."""

    source = Path(__file__).with_suffix(".cpp")
    part_size = PART_SIZE // 8

    def _size(self, arguments: Pair) -> tuple[int, int]:
        return len(arguments[0]), arguments[0].of_images.shape[1]

    def add(
        self,
        arguments: Pair,
        event: int,
        images: slice,
        order: np.ndarray,
        starts: np.ndarray,
        weights: np.ndarray,
        by_image: np.ndarray,
        by_label: np.ndarray,
    ) -> None:
        """Add weight x function of the presentations that show some images in an event; see `Lookup.add`."""
        if self._library is not None:
            given = (images.start, images.stop, event, order, starts, weights, by_image, by_label)
            self._call("add", arguments, *given)
            return
        for row, image in enumerate(range(images.start, images.stop)):
            for presentation in order[starts[image] : starts[image + 1]]:
                if weights[presentation]:
                    change = weights[presentation] * self._slowly(arguments, np.array([presentation]))[0][0]
                    by_image[row] += change
                    by_label[arguments[event].label[presentation]] += change

    def _slowly(self, arguments: Pair, rows: slice | np.ndarray) -> tuple[np.ndarray, bool]:
        drives = [one.of_images[one.image[rows]] + one.of_labels[one.label[rows]] for one in arguments]
        values, missing = np.empty_like(drives[0]), np.ones(drives[0].shape, bool)
        for surface in self._pieces:
            inside = missing.copy()
            for drive, low, high in zip(drives, surface.low, surface.high, strict=True):
                inside &= (drive >= low) & (drive < high)
            values[inside] = surface(*(drive[inside].astype(float) for drive in drives))
            missing &= ~inside
        return values, bool(missing.any() or np.isnan(values).any())

    def _call(self, name: str, arguments: Pair, *more: Any) -> bool:
        function, given = self._compiled(name, *more)
        described = [ctypes.byref(one.described) for one in arguments]
        return bool(function(self._described, ctypes.c_int64(len(self._pieces)), *described, *given))

    def _describe(self) -> ctypes.Array:
        real = ctypes.c_float if self.dtype is np.float32 else ctypes.c_double
        pointer, number = ctypes.c_void_p, ctypes.c_int32

        class Described(ctypes.Structure):
            _fields_ = (
                *((name, pointer) for name in ("highs", "lows", "scales", "rows", "first_row")),
                *((name, pointer) for name in ("curves", "starts", "columns", "nodes")),
                ("low", real * 2),
                ("high", real * 2),
                ("first", real),
                ("last", real),
                ("patches", number),
                ("most_curves", number),
            )

        def address(array: Any, dtype: Any) -> int:
            self._kept.append(np.ascontiguousarray(array, dtype))
            return self._kept[-1].ctypes.data

        described = (Described * len(self._pieces))()
        for item, surface in zip(described, self._pieces, strict=True):
            patches, most = surface.patches, max(one.curves.shape[1] for one in surface.patches)
            rows = np.array([len(one.curves) for one in patches])
            curves = np.zeros((rows.sum(), most, 2))
            curves[..., 0] = NOWHERE
            sizes, columns = np.zeros((2, len(patches), most + 1), np.int64)
            first_row = np.cumsum(rows) - rows
            for which, (one, start) in enumerate(zip(patches, first_row, strict=True)):
                curves[start : start + len(one.curves), : one.curves.shape[1]] = one.curves
                sizes[which, : len(one.strips)] = [nodes.size for nodes in one.strips]
                columns[which, : len(one.strips)] = [nodes.shape[1] - 1 for nodes in one.strips]
            lows, highs = np.array([one.low for one in patches]), np.array([one.high for one in patches])
            item.lows, item.highs = address(lows, self.dtype), address(highs, self.dtype)
            item.scales = address((rows - 1) / (highs - lows), self.dtype)
            item.rows, item.first_row = address(rows - 1, np.int32), address(first_row, np.int32)
            item.curves, item.columns = address(curves, self.dtype), address(columns, np.int32)
            item.starts = address((np.cumsum(sizes) - sizes.ravel()).reshape(sizes.shape), np.int32)
            nodes = [nodes.ravel() for one in patches for nodes in one.strips]
            item.nodes = address(np.concatenate(nodes), self.dtype)
            item.patches, item.most_curves = len(patches), most
            item.low[:], item.high[:] = surface.low, surface.high
            item.first, item.last = (float(warped(end[1])) for end in (surface.low, surface.high))
        return described
