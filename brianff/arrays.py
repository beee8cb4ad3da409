"""The door for every array that comes from outside: its shape, type, finiteness and range, before anything is done.

Nothing is broadcast, cut off or cast silently: masks, units, imaginary parts and text would be lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from brianff.description.fields import shown
from brianff.equations.parameters import ANY, Range
from brianff.errors import BrianffError, ConfigurationError, DataError

__all__ = ["answer", "checked"]

Shape = tuple[int | None, ...]

_KINDS = {"real": ("buif", "real numbers"), "whole": ("buif", "whole numbers"), "bool": ("b", "truth values")}


def checked(
    name: str,
    value: Any,
    *shapes: Shape,
    kind: str | np.dtype = "real",
    range: Range | None = None,
    error: Callable[[str], BrianffError] = DataError,
) -> np.ndarray:
    """Return a value as an array, as it is, once it is what it must be.

    Parameters
    ----------
    name : str
        What it is, as the user wrote it.
    value : array_like
        A plain array, or nested lists of numbers.
    *shapes : tuple of int or None
        Any of these; None stands for any length.
    kind : {"real", "whole", "bool"} or dtype
        Numbers; whole ones are returned as integers of 64 bits. A type: exactly that one.
    range : Range, optional
        Which values it may hold; default: all finite ones.
    error : type
        What is raised.
    """
    kinds, wanted = _KINDS[kind] if isinstance(kind, str) else (kind.kind, f"numbers of {kind}")
    needed = f"it must be {wanted} of the shape {' or '.join(map(_written, shapes))}"
    try:
        array = np.asarray(value)
    except Exception:  # rows of several lengths, objects that claim to be arrays
        raise error(f"{name} is {shown(value)}; {needed}") from None
    plain = type(value) in (np.ndarray, np.memmap) or not hasattr(value, "dtype") or isinstance(value, np.generic)
    fits = any(len(shape) == array.ndim and all(map(_length, shape, array.shape)) for shape in shapes)
    typed = array.dtype == kind if isinstance(kind, np.dtype) else array.dtype.kind in kinds or not array.size
    if not (plain and fits and typed):
        what = type(value).__name__ if hasattr(value, "dtype") or array.size > 6 else shown(value)
        raise error(f"{name} is {what} of {array.dtype}, shape {array.shape}; {needed}")
    allowed, array = range or ANY, array if array.dtype.kind != "O" else array.astype(float)
    if array.size and array.dtype.kind != "b" and not (range is None and _surely_finite(array)):
        low, high = array.min(), array.max()
        if not (allowed.least <= low and high <= allowed.most):  # nan is neither
            raise error(f"{name} reaches from {low} to {high}; it must {allowed.rule} everywhere")
    if kind == "whole":
        if array.dtype.kind == "f" and (array % 1).any():
            raise error(f"{name} is {shown(array.ravel()[:6].tolist())}; {needed}")
        return array.astype(np.int64)
    return array


def _surely_finite(array: np.ndarray) -> bool:
    """Tell in one fast pass that all values are finite; False also where their squares overflow."""
    if array.dtype.kind != "f" or not array.flags.forc:
        return False
    flat = array.ravel(order="K")
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.vdot(flat, flat)))


def answer(who: str, value: Any, *shapes: Shape, **wanted: Any) -> np.ndarray:
    """Return what a part of a user's own gave, checked; of a plain array of floats the shape only, which is fast."""
    if type(value) is np.ndarray and value.dtype.kind == "f" and not wanted and value.shape in shapes:
        return value
    return checked(f"what {who} gave", value, *shapes, error=ConfigurationError, **wanted)


def _length(wanted: int | None, given: int) -> bool:
    return wanted is None or wanted == given


def _written(shape: Shape) -> str:
    return f"({', '.join('any' if length is None else str(length) for length in shape)}{',' * (len(shape) == 1)})"
