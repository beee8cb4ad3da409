"""What is found out once for each description, though a process makes many simulators of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

__all__ = ["Remembered"]

Found = TypeVar("Found")


class Remembered(Generic[Found]):
    """What was found for the last keys, which are compared: descriptions have no hash.

    Parameters
    ----------
    size : int
        How many of them are kept.
    """

    def __init__(self, size: int = 64):
        self._size = size
        self._found: list[tuple[Any, Found]] = []

    def get(self, key: Any, find: Callable[[], Found]) -> Found:
        """Return what was found for an equal key, or find it; errors are not kept."""
        with suppress(ValueError):  # arrays in a key are neither equal nor different
            for before, found in [*self._found]:
                if before == key:
                    return found
        found = find()
        self._found.append((key, found))
        del self._found[: -self._size]
        return found
