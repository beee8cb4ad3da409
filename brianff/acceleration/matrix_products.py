"""Dense matrix products whose last bit does not depend on the number of threads.

The longer side of the result is cut into fixed parts; each part is one BLAS call on one thread, and so many threads of
this process work on the parts. The threads of BLAS itself would round differently for different numbers of them, and
they keep spinning between products, which slows whatever else the processors do.
"""

from __future__ import annotations

from functools import cache
from threading import RLock
from typing import Any, ClassVar
from weakref import WeakSet

import numpy as np
from threadpoolctl import ThreadpoolController

from brianff.acceleration.threads import share

__all__ = ["one_blas_thread", "product"]

PART = 256
"""Rows or columns of a part, roughly: enough for BLAS to be efficient, few enough to share out."""


def product(left: np.ndarray, right: np.ndarray, threads: int = 1, dtype: np.dtype | None = None) -> np.ndarray:
    """Return left @ right, shape (rows of left, columns of right), in the wider of both types, or that of `dtype`."""
    result = np.empty((left.shape[0], right.shape[1]), dtype or np.result_type(left, right))
    left = left.astype(result.dtype, copy=False)
    longer = max(result.shape)
    whole = right if longer == result.shape[1] else right.astype(result.dtype, copy=False)
    step = _part(longer)

    def compute(first: int) -> None:
        part = slice(first, first + step)
        if longer == result.shape[1]:
            np.matmul(left, right[:, part].astype(result.dtype, copy=False), out=result[:, part])
        else:
            np.matmul(left[part], whole, out=result[part])

    with one_blas_thread():
        share(compute, range(0, longer, step), threads)
    return result


def _part(size: int) -> int:
    """Return how many of `size` rows or columns a part has: a multiple of 16, with an even number of parts."""
    pairs = max(round(size / (2 * PART)), 1)
    return 16 * max(-(-size // (32 * pairs)), 1)


class one_blas_thread:
    """The context in which BLAS works on the calling thread alone.

    It holds BLAS to one thread while anybody is inside; asking BLAS takes longer than a small product. Ctrl-C may come
    between any two steps: whoever was inside and is no more does not count.
    """

    _lock = RLock()
    _inside: ClassVar[WeakSet[one_blas_thread]] = WeakSet()
    _before: ClassVar[list[tuple[Any, int]]] = []

    def __enter__(self) -> None:
        try:
            with self._lock:
                self._inside.add(self)
                if not self._before:
                    self._before.extend((library, library.num_threads) for library in _blas())
                    for library, _ in self._before:
                        library.set_num_threads(1)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside.discard(self)
            if not self._inside:
                for library, threads in self._before:
                    library.set_num_threads(threads)
                self._before.clear()


@cache
def _blas() -> list[Any]:
    return ThreadpoolController().select(user_api="blas").lib_controllers
