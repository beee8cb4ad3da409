"""What importing Brian2 changes in a process is kept within bounds.

It takes Ctrl-C over, which only the main thread may do: it can be imported on any thread, and a process that ignores
Ctrl-C, such as one in the background of a script, goes on ignoring it. And it takes uncaught errors over, those of the
user's script too: see `brianff.uncaught`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from threading import current_thread, main_thread
from types import ModuleType
from typing import Any

__all__ = ["install"]


def _may_take_over() -> bool:
    """Return whether Brian2's handler of Ctrl-C has one to pass it on to, and this thread may set it."""
    return current_thread() is main_thread() and callable(signal.getsignal(signal.SIGINT))


class _Brian2(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname != "brian2":
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is not None and found.loader is not None:
            setattr(found.loader, "exec_module", _bounded(found.loader.exec_module))  # noqa: B010
        return found


def _bounded(exec_module: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def execute(module: ModuleType) -> None:
        with nullcontext() if _may_take_over() else _signals_left_alone():
            exec_module(module)
        import brianff.uncaught  # noqa: F401

    return execute


@contextmanager
def _signals_left_alone() -> Iterator[None]:
    before: Any = signal.signal

    def handle(number: Any, handler: Any) -> Any:
        return before(number, handler) if _may_take_over() else signal.getsignal(number)

    vars(signal)["signal"] = handle
    try:
        yield
    finally:
        vars(signal)["signal"] = before


def install() -> None:
    """Keep the import of Brian2 within bounds, or what is left of it where it was imported before."""
    if "brian2" in sys.modules:
        import brianff.uncaught  # noqa: F401
    sys.meta_path.insert(0, _Brian2())
