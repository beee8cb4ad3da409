"""Commands that make many runs: sweep, study and reproduce."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brianff.cli.common import (
    DataDirectory,
    Imports,
    NoSharedFolder,
    Processes,
    Quick,
    Scheduler,
    SeedCount,
    Seeds,
    Settings,
    StudyOut,
    names,
    side_by_side,
    some_names,
    stoppable,
    whole_numbers,
)
from brianff.cli.streams import echo
from brianff.errors import BrianffError

if TYPE_CHECKING:
    from brianff.protocols.studies.study import Study

app = typer.Typer()
study_app = typer.Typer(help="Run a study: many small runs, one table and one figure.", rich_markup_mode=None)
reproduce_app = typer.Typer(help="Make the runs behind a table of results, and the table.", rich_markup_mode=None)


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(metavar="SWEEP.toml", help="Protocol, seeds, and the values of its keys.")],
    data_dir: DataDirectory = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Directory of the sweep (default: runs/sweep-NAME, NAME of the file).")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run points again that failed.")] = False,
    workers: Processes = None,
    scheduler: Scheduler = None,
    no_shared_folder: NoSharedFolder = False,
    imports: Imports = None,
) -> None:
    """Train a protocol at each combination of values and seeds; what is there already is not trained again."""
    directory = out or Path("runs", f"sweep-{file.stem}")
    with stoppable(), side_by_side(workers, scheduler, not no_shared_folder) as points:
        from brianff.protocols.sweep import Sweep  # takes seconds, in which workers start

        chosen = Sweep.from_file(file)
        table = chosen.run(directory, data_dir, map=points, retry_failed=retry_failed)
    study = chosen.study(directory)
    errors = table["error"].dropna()
    if len(errors) < len(table):
        _show("sweep", study)
    if len(errors):
        raise BrianffError(
            f"{len(errors)} of {len(table)} points failed, the first with: {errors.iloc[0]}. All errors are in "
            f"{study.path('sweep')}; --retry-failed runs them again"
        )


@study_app.command()
def controls(
    protocol: Annotated[str, typer.Argument(metavar="PROTOCOL", help="A named protocol or the path of a TOML file.")],
    seeds: SeedCount = 5,
    settings: Settings = None,
    data_dir: DataDirectory = None,
    out: StudyOut = None,
    workers: Processes = None,
    scheduler: Scheduler = None,
    imports: Imports = None,
) -> None:
    """Train a protocol again without its memristors, its spikes, its devices: what is its result due to?"""
    from brianff.cli.runs import described
    from brianff.protocols.studies.controls import run_study

    chosen = described(protocol, settings or [])
    directory = out or Path("runs", f"study-controls-{chosen.name}")
    with stoppable(), side_by_side(workers, scheduler) as points:
        study = run_study(chosen, directory, seeds, _elsewhere(data_dir), map=points)
    _show("controls", study)


@study_app.command()
def gap(
    protocol: Annotated[
        str, typer.Argument(metavar="PROTOCOL", help="Of frames: a named protocol or the path of a TOML file.")
    ] = "msnn-order-digits",
    seeds: SeedCount = 5,
    gaps: Annotated[str, typer.Option("--gaps", metavar="US,...", help="Gaps in microseconds.")] = (
        "40,100,200,400,1000,2000"
    ),
    settings: Settings = None,
    quick: Quick = False,
    data_dir: DataDirectory = None,
    out: StudyOut = None,
    workers: Processes = None,
    scheduler: Scheduler = None,
    imports: Imports = None,
) -> None:
    """Measure how long the memristors remember: which image came first, against the gap between them."""
    from brianff.cli.runs import described
    from brianff.protocols.studies.gap import run_study

    short = ["learning.epochs=4"] if quick else []
    chosen, times = described(protocol, [*short, *(settings or [])]), whole_numbers("--gaps", gaps)
    if quick:
        seeds, times = 1, times[:2]
    with stoppable(), side_by_side(workers, scheduler) as points:
        directory = out or Path("runs", f"study-gap-{chosen.name}{'-quick' if quick else ''}")
        study = run_study(chosen, directory, seeds, times, _elsewhere(data_dir), map=points)
    _show("gap", study)


def _add_study(name: str, about: str) -> None:
    """Add the command of a study of `brianff.protocols.studies`."""

    def study(
        quick: Quick = False,
        data_dir: DataDirectory = None,
        out: StudyOut = None,
        workers: Processes = None,
        scheduler: Scheduler = None,
        imports: Imports = None,
    ) -> None:
        run_study = import_module(f"brianff.protocols.studies.{name}").run_study
        directory, data = out or Path("runs", f"study-{name}{'-quick' if quick else ''}"), _elsewhere(data_dir)
        with stoppable(), side_by_side(workers, scheduler) as points:
            done = run_study(directory, quick, data, map=points)
        _show(name, done)

    study_app.command(name.replace("_", "-"), help=about)(study)


for _name, _about in {
    "robustness": "Measure what imperfect synaptic devices cost and what learning in place wins back, on MNIST.",
    "locality": "Take away, one by one, what learning needs beside the devices: from Adam down to random pulses.",
    "equivalence": "Compare the Hebbian change with the gradient: goodness functions, probabilities, neurons, over "
    "training.",
    "stdp": "Compare Forward-Forward with pair-based STDP on MNIST and on orders of events, with the same readouts.",
    "equivalence_in_time": "Compare rules that learn from several events with the gradient: credit through "
    "memristors, averages, STDP.",
}.items():
    _add_study(_name, _about)


def _elsewhere(data_dir: Path | None) -> Path | None:
    """Return a directory for processes in other working directories."""
    return None if data_dir is None else data_dir.resolve()


def _show(name: str, study: Study) -> None:
    """Print the short table of a study, and draw the figures that analysis has."""
    analysis = import_module(f"brianff.analysis.{name}")
    from brianff.analysis.style import save_figure

    tables = [study.table(one) for one in getattr(analysis, "TABLES", (name,))]
    echo(analysis.summarise(*tables).to_string(float_format="{:.3f}".format, na_rep="-"))
    for path in sorted(study.directory.glob("*.csv")):
        echo(path)
    for figure, (table, draw) in analysis.FIGURES.items():
        echo(save_figure(draw(study.table(table)), study.directory / f"{figure}.png"))


@reproduce_app.command()
def msnn(
    datasets: Annotated[
        str, typer.Option("--datasets", metavar="NAME,...", help="Image sets.")
    ] = "mnist,fashion-mnist,kmnist-7k",
    devices: Annotated[str, typer.Option("--devices", metavar="NAME,...", help="Synaptic devices.")] = "ideal,ecram",
    seeds: Seeds = "1,2,3",
    quick: Annotated[bool, typer.Option("--quick", help="One seed, small networks, few epochs: minutes.")] = False,
    data_dir: DataDirectory = None,
    out: Annotated[Path, typer.Option("--out", help="Directory of the runs and the table.")] = Path("runs/msnn"),
    workers: Processes = None,
    scheduler: Scheduler = None,
    no_shared_folder: NoSharedFolder = False,
    imports: Imports = None,
) -> None:
    """Train the fully memristive network on three data sets, with two kinds of synaptic devices."""
    from brianff.protocols.studies.msnn import reproduce_msnn

    numbers = whole_numbers("--seeds", seeds)
    chosen = some_names("--datasets", datasets), some_names("--devices", devices)
    with stoppable(), side_by_side(workers, scheduler, not no_shared_folder) as points:
        paths = reproduce_msnn(*chosen, numbers, quick, out, _elsewhere(data_dir), points)
    echo(paths[-1].read_text(encoding="utf-8"))
    for path in paths:
        echo(path)


@reproduce_app.command()
def neohebbian(
    quick: Annotated[bool, typer.Option("--quick", help="Few images and epochs: does everything run?")] = False,
    data_dir: DataDirectory = None,
    out: Annotated[Path, typer.Option("--out", help="Directory of the runs, table and figures.")] = Path(
        "runs/neohebbian"
    ),
    seeds: Seeds = "1,2,3",
    models: Annotated[
        str, typer.Option("--models", metavar="NAME,...", help="Only these, e.g. analog-sigmoid; empty: all.")
    ] = "",
    workers: Processes = None,
    scheduler: Scheduler = None,
    no_shared_folder: NoSharedFolder = False,
    imports: Imports = None,
) -> None:
    """Train the six models of arXiv 2406.16479, one layer of 200 on MNIST, other readings of them, and controls."""
    from brianff.analysis.latents import draw_latents
    from brianff.protocols.studies.neohebbian import MODELS, markdown, reproduce

    numbers = whole_numbers("--seeds", seeds)[: 1 if quick else None]
    chosen = names(models) or MODELS
    with stoppable(), side_by_side(workers, scheduler, not no_shared_folder) as points:
        table = reproduce(out, _elsewhere(data_dir), numbers, chosen, quick, draw=draw_latents, map=points)
    echo(markdown(table, len(numbers), quick))
    echo(f"written to {out}")
