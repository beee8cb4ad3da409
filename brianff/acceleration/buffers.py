"""Arrays in memory that is used again and again, by this process or by several.

New memory costs time when it is touched first. Memory that processes share is freed by the system when the last of them
ends, however it ends.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

__all__ = ["Layout", "Memory", "SharedMemory", "layout_of"]

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


class Memory:
    """Memory of this process, which grows as needed."""

    def __init__(self) -> None:
        self._buffer: memoryview | mmap.mmap = memoryview(b"")
        self._viewed: Callable[[], np.ndarray | None] = lambda: None

    @property
    def in_use(self) -> bool:
        """Whether this process still holds arrays that the last `views` returned, or parts of them."""
        return self._viewed() is not None

    def views(self, layout: Layout, size: int) -> dict[str, np.ndarray]:
        """Return arrays that lie in the memory as `layout` says; `size` is what all of them need."""
        if size > len(self._buffer):
            self._buffer = self._grown(size)
        whole = np.frombuffer(self._buffer, dtype=np.uint8)  # every view keeps this array alive
        self._viewed = weakref.ref(whole)
        return {name: np.ndarray(shape, dtype, whole, offset) for name, (offset, shape, dtype) in layout.items()}

    def _grown(self, size: int) -> memoryview | mmap.mmap:
        """Return memory of at least `size` bytes; arrays in the memory before keep that."""
        block = np.empty(size + ALIGNMENT, np.uint8)
        first = -block.ctypes.data % ALIGNMENT
        return block.data[first : first + size]


class SharedMemory(Memory):
    """Memory without a name, behind a file descriptor that child processes inherit.

    Parameters
    ----------
    descriptor : int, optional
        That of the process which made the memory; default: make new memory.
    """

    def __init__(self, descriptor: int | None = None):
        super().__init__()
        self.descriptor = _anonymous_file() if descriptor is None else descriptor

    def _grown(self, size: int) -> mmap.mmap:
        if os.fstat(self.descriptor).st_size < size:
            os.ftruncate(self.descriptor, size)
        return mmap.mmap(self.descriptor, os.fstat(self.descriptor).st_size)

    def close(self) -> None:
        """Give the descriptor back; arrays that are still in use keep the memory."""
        os.close(self.descriptor)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("brianff")
    with tempfile.TemporaryFile() as file:  # has no name either, but may reach the disk
        return os.dup(file.fileno())
