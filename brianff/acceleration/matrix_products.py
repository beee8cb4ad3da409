"""Dense matrix products whose last bit does not depend on the number of threads.

The longer side of the result is cut into fixed parts; each part is one BLAS call on one thread, and so many threads of
this process work on the parts. The threads of BLAS itself would round differently for different numbers of them, and
they keep spinning between products, which slows whatever else the processors do.
"""

from contextlib import ContextDecorator
from threading import Lock

import numpy as np
from threadpoolctl import ThreadpoolController

from brianff.acceleration.threads import share

__all__ = ["one_blas_thread", "product"]

PART = 256
"""Rows or columns of a part, roughly: enough for BLAS to be efficient, few enough to share out."""


def product(left: np.ndarray, right: np.ndarray, threads: int = 1) -> np.ndarray:
    """Return left @ right, shape (rows of left, columns of right)."""
    result = np.empty((left.shape[0], right.shape[1]), np.result_type(left, right))
    longer = max(result.shape)
    step = _part(longer)

    def compute(first: int) -> None:
        part = slice(first, first + step)
        if longer == result.shape[1]:
            np.matmul(left, right[:, part], out=result[:, part])
        else:
            np.matmul(left[part], right, out=result[part])

    with one_blas_thread():
        share(compute, range(0, longer, step), threads)
    return result


def _part(size: int) -> int:
    """Return how many of `size` rows or columns a part has: a multiple of 16, with an even number of parts."""
    pairs = max(round(size / (2 * PART)), 1)
    return 16 * max(-(-size // (32 * pairs)), 1)


class _OneThread(ContextDecorator):
    """Holds BLAS to one thread while anybody is inside; asking BLAS takes longer than a small product."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._blas: ThreadpoolController | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._blas = self._blas or ThreadpoolController()
                self._limits = self._blas.limit(limits=1, user_api="blas")

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limits.__exit__(*error)


_ONE_THREAD = _OneThread()


def one_blas_thread() -> _OneThread:
    """Return the context in which BLAS works on the calling thread alone."""
    return _ONE_THREAD
