"""What numpy does about floating point errors, put back where Ctrl-C would leave it changed."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

__all__ = ["error_handling_kept"]


@contextmanager
def error_handling_kept() -> Iterator[None]:
    """Put numpy's error handling back if what is inside fails.

    `numpy.errstate` does so, but for the moment between its change and its block: numpy itself uses it for seeding.
    """
    before = np.geterr()
    try:
        yield
    except BaseException:
        np.seterr(**before)
        raise
