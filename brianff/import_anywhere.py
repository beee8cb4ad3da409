"""Brian2 can be imported on any thread: it takes Ctrl-C over when it is imported, which only the main thread may do.

A process that ignores Ctrl-C, such as one in the background of a script, goes on ignoring it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from threading import current_thread, main_thread
from types import ModuleType
from typing import Any

__all__ = ["install"]


def _may_take_over() -> bool:
    """Return whether Brian2's handler of Ctrl-C has one to pass it on to, and this thread may set it."""
    return current_thread() is main_thread() and callable(signal.getsignal(signal.SIGINT))


class _Brian2Anywhere(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname != "brian2" or _may_take_over():
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is not None and found.loader is not None:
            setattr(found.loader, "exec_module", _without_signals(found.loader.exec_module))  # noqa: B010
        return found


def _without_signals(exec_module: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def execute(module: ModuleType) -> None:
        before: Any = signal.signal

        def handle(number: Any, handler: Any) -> Any:
            return before(number, handler) if _may_take_over() else signal.getsignal(number)

        vars(signal)["signal"] = handle
        try:
            exec_module(module)
        finally:
            vars(signal)["signal"] = before

    return execute


def install() -> None:
    """Let the first import of Brian2 be on any thread; Ctrl-C is left alone on all but the main one, and if ignored."""
    sys.meta_path.insert(0, _Brian2Anywhere())
