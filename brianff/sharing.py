"""Sharing independent parts of a computation out to threads, for work that numpy does outside Python's lock."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

__all__ = ["share"]

Part = TypeVar("Part")


def share(work: Callable[[Part], None], parts: Iterable[Part], threads: int) -> None:
    """Call ``work(part)`` for each part, on this thread and `threads` - 1 others; order must not matter."""
    waiting = iter(list(parts))  # a list's iterator gives each part to one thread only

    def take() -> None:
        for part in waiting:
            work(part)

    helpers = [_pool(threads, os.getpid()).submit(take) for _ in range(threads - 1)]
    take()
    for helper in helpers:
        helper.result()


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Return the threads of a process: a forked child has none of its parent's, and would wait for them for ever."""
    return ThreadPoolExecutor(threads, "brianff")
