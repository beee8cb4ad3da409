"""Sharing independent parts of a computation out to threads, for work that numpy does outside Python's lock."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any, TypeVar

__all__ = ["ahead", "share"]

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


def ahead(items: Iterable[Part]) -> Iterator[Part]:
    """Yield the items, in their order; while one is used, a thread makes the next."""
    waiting, end = iter(items), object()
    with ThreadPoolExecutor(1, "brianff-ahead") as thread:
        upcoming: Future[Any] = thread.submit(next, waiting, end)
        while (item := upcoming.result()) is not end:
            upcoming = thread.submit(next, waiting, end)
            yield item


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Return the threads of a process: a forked child has none of its parent's, and would wait for them for ever."""
    return ThreadPoolExecutor(threads, "brianff")
