"""Sharing independent parts of a computation out to threads, for work that numpy does outside Python's lock.

Ctrl-C can come between any two steps of the thread that waits, and must leave no lock of Python's held: the waiting
thread uses none of those that are written in Python (of `Future`, `Event` or `Queue`), which would stay held for ever.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

__all__ = ["Ahead", "share"]

Part = TypeVar("Part")

LOOK_AGAIN = 0.1
"""Seconds after which a thread that waits looks again, should Ctrl-C have taken the message that it waits for."""


def share(work: Callable[[Part], None], parts: Iterable[Part], threads: int) -> None:
    """Call ``work(part)`` for each part, on this thread and `threads` - 1 others; order must not matter."""
    waiting = iter(list(parts))  # a list's iterator gives each part to one thread only

    def take() -> None:
        try:
            for part in waiting:
                work(part)
        finally:  # after an error, or Ctrl-C, nobody begins another part
            for _ in waiting:
                pass

    helpers = [_Call(take) for _ in range(threads - 1)]
    raised: BaseException | None = None
    try:
        for helper in helpers:
            _tasks("share", threads - 1, os.getpid()).put(helper)
        take()
    except BaseException as error:
        raised = error
    while True:  # and nobody is still at work, even if Ctrl-C comes here; no call between the two blocks lets it in
        try:
            for _ in waiting:
                pass
            for helper in helpers:
                helper.end()
            break
        except BaseException as error:
            raised = error
    if raised is not None:
        try:
            raise raised
        finally:
            raised = None  # else it would keep this frame, and its arrays, alive
    for helper in helpers:
        helper.check()


class Ahead(Iterator[Part]):
    """Items one after the other, the next of which another thread can make while the last one is used.

    Parameters
    ----------
    items : iterable
        It is asked for its items one at a time and in their order.
    """

    def __init__(self, items: Iterable[Part]):
        self._items = iter(items)
        self._upcoming: _Call | None = None

    def begin(self) -> None:
        """Begin to make the next item on another thread, unless it is being made."""
        if self._upcoming is None:
            self._upcoming = _Call(lambda: next(self._items, _END))
            _tasks("ahead", 1, os.getpid()).put(self._upcoming)

    def __next__(self) -> Part:
        item: Any = next(self._items, _END) if self._upcoming is None else self._upcoming.result()
        self._upcoming = None
        if item is _END:
            raise StopIteration
        return item

    def close(self) -> None:
        """Wait until no item is being made; none is begun any more."""
        raised: BaseException | None = None
        while self._upcoming is not None:
            try:
                self._upcoming.end()
                self._upcoming = None
            except BaseException as error:  # Ctrl-C
                raised = error
        if raised is not None:
            try:
                raise raised
            finally:
                raised = None


_END = object()


class _Call:
    """A call that another thread makes."""

    def __init__(self, function: Callable[[], Any]):
        self._function: Callable[[], Any] | None = function
        self._begun = self._over = self._cancelled = False
        self._message: SimpleQueue[None] = SimpleQueue()
        self._result: Any = None
        self._error: BaseException | None = None

    def make(self) -> None:
        """Make the call, on the other thread."""
        self._begun = True  # before it looks whether it is still wanted: `end` asks in the other order
        try:
            if self._function is not None and not self._cancelled:
                self._result = self._function()
        except BaseException as error:
            self._error = error
        self._function, self._over = None, True
        self._message.put(None)

    def check(self) -> None:
        """Raise the error that the call raised, if any."""
        if self._error is not None:
            raise self._error

    def result(self) -> Any:
        """Wait until the call is over, and return its result."""
        while not self._over:
            self._wait()
        self.check()
        return self._result

    def end(self) -> None:
        """Let the call not begin any more; if it has begun, wait until it is over."""
        self._cancelled = True
        while self._begun and not self._over:
            self._wait()

    def _wait(self) -> None:
        with suppress(Empty):
            self._message.get(timeout=LOOK_AGAIN)


@cache
def _tasks(purpose: str, threads: int, process: int) -> "SimpleQueue[_Call]":
    """Return the queue of some threads of a process: a forked child has none of its parent's, and makes its own."""
    tasks: SimpleQueue[_Call] = SimpleQueue()
    for _ in range(threads):
        Thread(target=_serve, args=(tasks,), name=f"brianff-{purpose}", daemon=True).start()
    return tasks


def _serve(tasks: "SimpleQueue[_Call]") -> None:
    while True:
        tasks.get().make()
