"""What the commands share: their options, tables, errors, and how work is stopped and resumed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from brianff.cli.streams import echo, say
from brianff.errors import ConfigurationError
from brianff.imports import import_parts

if TYPE_CHECKING:
    from brianff.protocols.studies.study import Map

DataDirectory = Annotated[
    Path | None, typer.Option("--data-dir", help="Directory of the image sets (else BRIANFF_DATA or the cache).")
]
Out = Annotated[Path, typer.Option("--out", help="Directory in which the run directory is made.")]
Quick = Annotated[bool, typer.Option("--quick", help="A small part of the study, in about two minutes.")]
StudyOut = Annotated[
    Path | None, typer.Option("--out", help="Directory of the study (default: runs/study-NAME, or -NAME-quick).")
]
Seeds = Annotated[str, typer.Option("--seeds", metavar="N,...", help="Seeds, one run each.")]
Processes = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Measure so many points side by side, in processes.")
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Measure points on the workers of a Dask scheduler."),
]
NoSharedFolder = Annotated[
    bool, typer.Option("--no-shared-folder", help="Workers do not see --out: runs come back through the scheduler.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. learning.epochs=3.")
]
SeedCount = Annotated[int, typer.Option("--seeds", min=1, help="Number of seeds.")]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        help="Import a module, by its dotted name or the path of its .py file, that registers parts of your own.",
        callback=lambda names: import_parts(names or ()),
    ),
]
"""The modules are imported before the command runs: commands need only have the option."""
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]


class Terminated(KeyboardInterrupt):
    """SIGTERM, which batch systems send, handled as Ctrl-C is."""


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def some_names(option: str, text: str) -> list[str]:
    if not names(text):
        raise ConfigurationError(f"{option} is {text!r}; it takes one name or several, separated by commas")
    return names(text)


def whole_numbers(option: str, text: str) -> list[int]:
    given = names(text)
    if not given or not all(name.isdecimal() for name in given):
        raise ConfigurationError(f"{option} is {text!r}; it takes whole numbers separated by commas, such as 1,2,3")
    return [int(name) for name in given]


@contextmanager
def stoppable(tell: Callable[[], str] | None = None) -> Iterator[None]:
    """Say how to resume when the work inside is stopped by Ctrl-C or SIGTERM: what `tell` returns then."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except KeyboardInterrupt as stop:
        how = "stopped; the same command resumes, with what is missing" if tell is None else tell()
        say(f"brianff: {how}")
        raise typer.Exit(143 if isinstance(stop, Terminated) else 130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def side_by_side(workers: int | None, scheduler: str | None, shared_folder: bool = True) -> AbstractContextManager[Map]:
    """Return what schedules points: one after the other, unless there are workers."""
    if workers is None and scheduler is None:
        return nullcontext(map)
    from brianff.protocols.cluster import Cluster

    return Cluster(workers, scheduler, shared_folder)


def results(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the accuracies and the wall time of a summary as text."""
    accuracies = {key: value for key, value in summary.items() if key.endswith("_accuracy")}
    rows = [
        (key.replace("_", " "), "-" if value is None else f"{value:.2%}")  # None: a readout of a user's own gave nan
        for key, value in accuracies.items()
    ]
    if seconds := summary.get("wall_seconds"):
        parts = ", ".join(f"{part} {value:.1f} s" for part, value in seconds.items())
        rows.append(("wall time", f"{sum(seconds.values()):.1f} s ({parts})"))
    return rows


def print_table(rows: list[tuple[str, str]]) -> None:
    width = max((len(item) for item, _ in rows), default=0)
    for item, value in rows:
        echo(f"{item:{width}}  {value}")
