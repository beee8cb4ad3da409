"""The front door: the command line. It imports the floors above, and only when a command needs them."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from typing import Annotated, Any, NoReturn

import typer

import brianff
from brianff.cli import lists, runs, studies
from brianff.cli.streams import echo, open_streams, say, unwritable
from brianff.errors import BrianffError
from brianff.imports import IMPORTED

__all__ = ["main"]

# In every version of typer the direct base of BadParameter is the usage error, under changing names.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(
    help="Forward-Forward learning on fully memristive spiking networks.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(runs.app)
app.add_typer(studies.app)
app.add_typer(lists.app)
app.add_typer(lists.data_app, name="data")
app.add_typer(lists.devices_app, name="devices")
app.add_typer(studies.study_app, name="study")
app.add_typer(studies.reproduce_app, name="reproduce")


def main() -> NoReturn:
    """Run the command line and exit: 0 when all went well, 2 after an error, 130 or 143 when stopped."""
    IMPORTED.clear()
    open_streams()
    os.environ.setdefault("MPLBACKEND", "agg")  # commands write figures to files: no windows
    warnings.formatwarning = lambda message, *_: f"brianff: warning: {message}\n"
    try:
        status = app(prog_name="brianff", standalone_mode=False) or 0
    except BrianffError as error:
        status = _fail(str(error))
    except _UsageError as error:
        status = _fail(error.format_message())
    except typer.Abort:
        status = 130
    except OSError as error:  # help texts are printed by the parser of the command line
        printing = traceback.extract_tb(error.__traceback__)[-1].name == "echo"
        if not printing or isinstance(error, BrokenPipeError):
            raise
        status = _fail(str(unwritable(error)))
    sys.exit(status)


def _fail(message: str) -> int:
    say(f"brianff: error: {' '.join(message.split())}")
    return 2


@app.callback(invoke_without_command=True)
def _without_command(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False
) -> None:
    if version:
        echo(f"brianff {brianff.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        echo(context.get_help())
