"""Brian2 can be imported on any thread: it takes Ctrl-C over when it is imported, which only the main thread may do."""

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


class _Brian2Anywhere(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname != "brian2" or current_thread() is main_thread():
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found is not None and found.loader is not None:
            setattr(found.loader, "exec_module", _without_signals(found.loader.exec_module))  # noqa: B010
        return found


def _without_signals(exec_module: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def execute(module: ModuleType) -> None:
        before: Any = signal.signal

        def handle(number: Any, handler: Any) -> Any:
            return before(number, handler) if current_thread() is main_thread() else signal.getsignal(number)

        vars(signal)["signal"] = handle
        try:
            exec_module(module)
        finally:
            vars(signal)["signal"] = before

    return execute


def install() -> None:
    """Let the first import of Brian2 be on any thread; on another than the main one it leaves Ctrl-C alone."""
    sys.meta_path.insert(0, _Brian2Anywhere())
