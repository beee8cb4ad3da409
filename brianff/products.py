"""Dense matrix products whose last bit does not depend on the number of threads.

The right matrix is cut into fixed parts; each part is one BLAS call on one thread, and so many threads of this process
work on the parts. The threads of BLAS itself would round differently for different numbers of them, and they keep
spinning between products, which slows whatever else the processors do.
"""

from contextlib import AbstractContextManager
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

from brianff.sharing import share

__all__ = ["one_blas_thread", "product"]

COLUMNS = 128
"""Columns of a part: few enough to share out, enough for BLAS to be efficient."""


def product(left: np.ndarray, right: np.ndarray, threads: int = 1) -> np.ndarray:
    """Return left @ right, shape (rows of left, columns of right)."""
    result = np.empty((left.shape[0], right.shape[1]), np.result_type(left, right))

    def compute(first: int) -> None:
        part = slice(first, first + COLUMNS)
        np.matmul(left, right[:, part], out=result[:, part])

    with one_blas_thread():
        share(compute, range(0, right.shape[1], COLUMNS), threads)
    return result


def one_blas_thread() -> AbstractContextManager[object]:
    """Return the context in which BLAS works on the calling thread alone."""
    return _blas().limit(limits=1, user_api="blas")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
