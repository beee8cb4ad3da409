"""Arrays that are computed when somebody asks for their elements: sums of their rows may cost less."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["Deferred"]


class Deferred(np.lib.mixins.NDArrayOperatorsMixin):
    """An array (presentations, neurons) that is computed when its elements are needed; it does what an array does.

    Subclasses have `shape` and `dtype`, and know how to do the following.
    """

    shape: tuple[int, int]
    dtype: Any

    def compute(self) -> np.ndarray:
        """Return the array."""
        raise NotImplementedError

    def sums(self) -> np.ndarray:
        """Return the sum of each row, shape (presentations,)."""
        raise NotImplementedError

    def select(self, presentations: Any) -> Deferred:
        """Return some presentations: an index array, a mask or a slice."""
        raise NotImplementedError

    def weighted(self, weights: np.ndarray, image: np.ndarray, images: int) -> Any:
        """Return something with a method ``add(images, by_image, by_label)``.

        It adds up rows times `weights` (presentations,) by the `image` (presentations,) and by the label of each; see
        `brianff.acceleration.contraction`.
        """
        raise NotImplementedError

    @cached_property
    def array(self) -> np.ndarray:
        """The array."""
        return self.compute()

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return sums, those of the rows without the elements."""
        if axis not in (1, -1) or "array" in vars(self):
            return self.array.sum(axis=axis, keepdims=keepdims)
        sums = self.sums()
        return sums[:, np.newaxis] if keepdims else sums

    def mean(self, axis: Any = None) -> Any:
        """Return means, those of the rows without the elements."""
        return self.sum(axis) / self.dtype.type(self.shape[1]) if axis in (1, -1) else self.array.mean(axis=axis)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.array if dtype is None else self.array.astype(dtype, copy=False)
        return array.copy() if copy else array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        arrays = (one.array if isinstance(one, Deferred) else one for one in inputs)
        return getattr(ufunc, method)(*arrays, **keywords)

    def __reduce__(self) -> tuple:
        return np.asarray, (self.array,)  # copies and what goes to other processes are arrays

    def __getitem__(self, item: Any) -> np.ndarray:
        return self.array[item]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("shape", "dtype"):
            raise AttributeError(name)
        return getattr(self.array, name)
