"""Sharing independent parts of a computation out to threads, for work that numpy does outside Python's lock."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any, TypeVar

__all__ = ["Ahead", "share"]

Part = TypeVar("Part")


def share(work: Callable[[Part], None], parts: Iterable[Part], threads: int) -> None:
    """Call ``work(part)`` for each part, on this thread and `threads` - 1 others; order must not matter."""
    waiting = iter(list(parts))  # a list's iterator gives each part to one thread only

    def take() -> None:
        for part in waiting:
            work(part)

    helpers = [_pool(threads, os.getpid()).submit(take) for _ in range(threads - 1)]
    try:
        take()
    finally:  # after an error, or Ctrl-C, nobody begins another part, and nobody is still at work
        for _ in waiting:
            pass
        wait(helpers)
    for helper in helpers:
        helper.result()


class Ahead(Iterator[Part]):
    """Items one after the other, the next of which another thread can make while the last one is used.

    Parameters
    ----------
    items : iterable
        It is asked for its items one at a time and in their order.
    """

    def __init__(self, items: Iterable[Part]):
        self._items = iter(items)
        self._thread = ThreadPoolExecutor(1, "brianff-ahead")
        self._upcoming: Future[Any] | None = None

    def begin(self) -> None:
        """Begin to make the next item on another thread, unless it is being made."""
        self._upcoming = self._upcoming or self._thread.submit(next, self._items, _END)

    def __next__(self) -> Part:
        item: Any = next(self._items, _END) if self._upcoming is None else self._upcoming.result()
        self._upcoming = None
        if item is _END:
            raise StopIteration
        return item


_END = object()


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Return the threads of a process: a forked child has none of its parent's, and would wait for them for ever."""
    return ThreadPoolExecutor(threads, "brianff")
