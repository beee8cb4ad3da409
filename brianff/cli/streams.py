"""Standard streams, which may be closed, as those of daemons, or lead to a full disk: no result is lost for that."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import typer

from brianff.errors import BrianffError

__all__ = ["echo", "open_streams", "say", "unwritable"]


def open_streams() -> None:
    """Let closed standard streams lead nowhere: else the next file that is opened would take the place of one."""
    for name, mode in {"stdin": "r", "stdout": "w", "stderr": "w"}.items():
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(_nowhere(), mode))


def echo(text: Any) -> None:
    """Print what was asked for.

    Raises
    ------
    BrianffError
        If it cannot be printed; a pipe that nobody reads any more ends the program as usual.
    """
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritable(error) from None


def unwritable(error: OSError) -> BrianffError:
    """Return the error of a standard output that cannot be written; what Python still prints leads nowhere."""
    os.dup2(_nowhere(), sys.stdout.fileno())
    return BrianffError(
        f"standard output cannot be written ({error.strerror}): free some space; files are where they were to be"
    )


def say(text: str) -> None:
    """Print a remark on the standard error stream, where that is possible."""
    with suppress(OSError):
        typer.echo(text, err=True)


def _nowhere() -> int:
    descriptor = os.open(os.devnull, os.O_RDWR)
    os.set_inheritable(descriptor, True)
    return descriptor
