"""Errors of brianff that a script does not catch are told as Python does: Brian2 takes each for a bug of its own."""

import sys
from types import TracebackType

from brian2.utils.logger import brian_excepthook

from brianff.errors import BrianffError

__all__: list[str] = []


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    (sys.__excepthook__ if issubclass(kind, BrianffError) else brian_excepthook)(kind, error, trace)


if sys.excepthook is brian_excepthook:  # nobody else's, such as a debugger's
    sys.excepthook = _told
