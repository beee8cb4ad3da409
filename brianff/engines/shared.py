"""Arrays in memory that several processes share; the system frees it when the last of them ends, however it ends."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

__all__ = ["Layout", "SharedMemory"]

ALIGNMENT = 64

Layout = dict[str, tuple[int, tuple[int, ...], str]]
"""Where arrays lie: by name the first byte, shape and type."""


def layout_of(arrays: Iterable[tuple[str, tuple[int, ...], Any]]) -> tuple[Layout, int]:
    """Return a layout of arrays, given by name, shape and type, and the bytes that they need together."""
    layout, end = {}, 0
    for name, shape, dtype in arrays:
        kind = np.dtype(dtype)
        layout[name] = end, shape, kind.str
        end += -(-int(np.prod(shape)) * kind.itemsize // ALIGNMENT) * ALIGNMENT
    return layout, end


class SharedMemory:
    """Memory without a name, behind a file descriptor that child processes inherit; it grows as needed.

    Parameters
    ----------
    descriptor : int, optional
        That of the process which made the memory; default: make new memory.
    """

    def __init__(self, descriptor: int | None = None):
        self.descriptor = _anonymous_file() if descriptor is None else descriptor
        self._size = 0
        self._memory: mmap.mmap | None = None
        self._viewed: Callable[[], np.ndarray | None] = lambda: None

    @property
    def in_use(self) -> bool:
        """Whether this process still holds arrays that the last `views` returned, or parts of them."""
        return self._viewed() is not None

    def views(self, layout: Layout, size: int) -> dict[str, np.ndarray]:
        """Return arrays that lie in the memory as `layout` says; `size` is what all of them need."""
        if size > self._size:
            if os.fstat(self.descriptor).st_size < size:
                os.ftruncate(self.descriptor, size)
            self._size = os.fstat(self.descriptor).st_size
            self._memory = mmap.mmap(self.descriptor, self._size)
        whole = np.frombuffer(self._memory or b"", dtype=np.uint8)  # every view keeps this array alive
        self._viewed = weakref.ref(whole)
        return {name: np.ndarray(shape, dtype, whole, offset) for name, (offset, shape, dtype) in layout.items()}

    def close(self) -> None:
        """Give the descriptor back; arrays that are still in use keep the memory."""
        os.close(self.descriptor)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("brianff")
    with tempfile.TemporaryFile() as file:  # has no name either, but may reach the disk
        return os.dup(file.fileno())
