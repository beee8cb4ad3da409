"""Progress of long work: a bar with the time left on a terminal, a line now and then elsewhere."""

import logging
import sys
import time
from contextlib import suppress
from io import StringIO
from typing import Any, Self, TextIO

from tqdm import tqdm

__all__ = ["Progress"]


class _Lines:
    """A stream that prints what tqdm redraws as lines, at most one in so many seconds, and the last on closing."""

    def __init__(self, stream: TextIO, seconds: float):
        self._stream, self._seconds = stream, seconds
        self._due = float("-inf")
        self._waiting = ""

    def write(self, text: str) -> None:
        self._waiting = text.strip() or self._waiting
        if self._waiting and time.monotonic() >= self._due:
            self.print_waiting()

    def print_waiting(self) -> None:
        if self._waiting:
            with suppress(OSError, ValueError):  # the disk is full, or the stream is closed: the work goes on
                self._stream.write(f"{self._waiting}\n")
                self._stream.flush()
        self._waiting, self._due = "", time.monotonic() + self._seconds

    def flush(self) -> None:
        pass


def _bar_class(notebook: bool) -> type[tqdm]:
    """Return tqdm's bar, in a notebook that of notebooks, without its thread: the work itself refreshes the bar."""
    from tqdm import auto

    return type("Bar", (auto.tqdm if notebook else tqdm,), {"monitor_interval": 0})


class Progress:
    """Shows how far work is, what it is doing and how long it will take.

    Parameters
    ----------
    total : int
        Units of work in all.
    logger : logging.Logger or None
        Also told of each stage.
    stream : text stream or None
        Where to show; None: the standard error stream.
    enabled : bool
        False: show nothing. The logger is told all the same.
    unit : str
        Name of the units, in the plural.
    initial : int
        Units that were done before, in a run that is resumed.
    seconds : float
        Least time between two lines where the stream is not a terminal.

    Examples
    --------
    >>> with Progress(100, unit="images", enabled=False) as progress:
    ...     progress.stage("training layer 0, epoch 1 of 1")
    ...     progress.advance(100)
    """

    def __init__(
        self,
        total: int,
        logger: logging.Logger | None = None,
        stream: TextIO | None = None,
        enabled: bool = True,
        unit: str = "presentations",
        initial: int = 0,
        seconds: float = 5.0,
    ):
        stream = sys.stderr if stream is None else stream
        if stream is None:  # there is none
            stream, enabled = StringIO(), False
        self._logger = logger
        notebook = "ipykernel" in sys.modules and stream is sys.stderr
        self._lines = None if stream.isatty() or notebook else _Lines(stream, seconds)
        self._bar = _bar_class(notebook)(
            total=total,
            initial=initial,
            unit=f" {unit}",
            file=self._lines or stream,
            disable=not enabled,
            dynamic_ncols=stream.isatty() or notebook,
            miniters=1,  # time alone decides on refreshing: stages differ much in speed
            delay=1e-9,  # draw nothing before the first stage is known
        )

    def stage(self, text: str) -> None:
        """Say what is being done now."""
        if self._logger:
            self._logger.info(text)
        self._bar.set_description(text)

    def advance(self, units: int = 1) -> None:
        """Count so many units as done."""
        self._bar.update(units)

    def show(self, **figures: Any) -> None:
        """Show figures, such as a loss, from the next advance on."""
        self._bar.set_postfix(figures, refresh=False)

    def close(self) -> None:
        """Draw the last state and leave the line."""
        self._bar.close()
        if self._lines:
            self._lines.print_waiting()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
