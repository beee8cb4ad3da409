"""Errors that a script does not catch are told as Python does: Brian2 takes each for a bug of its own.

Those that Brian2 itself raised it goes on telling its way, whoever imported it.
"""

import sys
from types import TracebackType

from brian2.utils.logger import brian_excepthook

__all__: list[str] = []


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    innermost = trace
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    module = "" if innermost is None else str(innermost.tb_frame.f_globals.get("__name__"))
    of_brian2 = module.partition(".")[0] == "brian2" or issubclass(kind, KeyboardInterrupt)  # which it does not tell
    (brian_excepthook if of_brian2 else sys.__excepthook__)(kind, error, trace)


if sys.excepthook is brian_excepthook:  # nobody else's, such as a debugger's
    sys.excepthook = _told
