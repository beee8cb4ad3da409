"""Commands that make many runs: sweep, study and reproduce."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brianff.cli.common import (
    DataDirectory,
    Imports,
    Quick,
    Seeds,
    StudyOut,
    names,
    some_names,
    stoppable,
    whole_numbers,
)
from brianff.cli.streams import echo
from brianff.errors import BrianffError

if TYPE_CHECKING:
    from brianff.protocols.studies.study import Map, Study

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
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Run so many points side by side, in processes.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Run points on the workers of a Dask scheduler."),
    ] = None,
    no_shared_folder: Annotated[
        bool, typer.Option("--no-shared-folder", help="Workers do not see --out: runs come back through the scheduler.")
    ] = False,
    imports: Imports = None,
) -> None:
    """Train a protocol at each combination of values and seeds; what is there already is not trained again."""
    from brianff.protocols.sweep import Sweep

    chosen, directory = Sweep.from_file(file), out or Path("runs", f"sweep-{file.stem}")
    with stoppable(), _side_by_side(workers, scheduler, not no_shared_folder) as points:
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


def _side_by_side(workers: int | None, scheduler: str | None, shared_folder: bool) -> AbstractContextManager[Map]:
    """Return what schedules points: one after the other, unless there are workers."""
    if workers is None and scheduler is None:
        return nullcontext(map)
    from brianff.protocols.cluster import Cluster

    return Cluster(workers, scheduler, shared_folder)


@study_app.command()
def robustness(
    quick: Quick = False, data_dir: DataDirectory = None, out: StudyOut = None, imports: Imports = None
) -> None:
    """Measure what imperfect synaptic devices cost and what learning in place wins back, on MNIST."""
    _study("robustness", quick, data_dir, out)


@study_app.command()
def equivalence(
    quick: Quick = False, data_dir: DataDirectory = None, out: StudyOut = None, imports: Imports = None
) -> None:
    """Compare the Hebbian change with the gradient: goodness functions, probabilities, neurons, over training."""
    _study("equivalence", quick, data_dir, out)


@study_app.command()
def stdp(quick: Quick = False, data_dir: DataDirectory = None, out: StudyOut = None, imports: Imports = None) -> None:
    """Compare Forward-Forward with pair-based STDP on MNIST and on orders of events, with the same readouts."""
    _study("stdp", quick, data_dir, out)


@study_app.command()
def controls(
    protocol: Annotated[str, typer.Argument(metavar="PROTOCOL", help="A named protocol or the path of a TOML file.")],
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Number of seeds.")] = 5,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. learning.epochs=3.")
    ] = None,
    data_dir: DataDirectory = None,
    out: StudyOut = None,
    imports: Imports = None,
) -> None:
    """Train a protocol again without its memristors, its spikes, its devices: what is its result due to?"""
    from brianff.cli.runs import described
    from brianff.protocols.studies.controls import run_study

    chosen = described(protocol, settings or [])
    with stoppable():
        study = run_study(chosen, out or Path("runs", f"study-controls-{chosen.name}"), seeds, data_dir)
    _show("controls", study)


@study_app.command()
def gap(
    protocol: Annotated[
        str, typer.Argument(metavar="PROTOCOL", help="Of frames: a named protocol or the path of a TOML file.")
    ] = "msnn-order-digits",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Number of seeds.")] = 5,
    gaps: Annotated[str, typer.Option("--gaps", metavar="US,...", help="Gaps in microseconds.")] = (
        "40,100,200,400,1000,2000"
    ),
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. learning.epochs=3.")
    ] = None,
    quick: Quick = False,
    data_dir: DataDirectory = None,
    out: StudyOut = None,
    imports: Imports = None,
) -> None:
    """Measure how long the memristors remember: which image came first, against the gap between them."""
    from brianff.cli.runs import described
    from brianff.protocols.studies.gap import run_study

    short = ["learning.epochs=4"] if quick else []
    chosen, times = described(protocol, [*short, *(settings or [])]), whole_numbers("--gaps", gaps)
    if quick:
        seeds, times = 1, times[:2]
    with stoppable():
        directory = out or Path("runs", f"study-gap-{chosen.name}{'-quick' if quick else ''}")
        study = run_study(chosen, directory, seeds, times, data_dir)
    _show("gap", study)


@study_app.command()
def equivalence_in_time(
    quick: Quick = False, data_dir: DataDirectory = None, out: StudyOut = None, imports: Imports = None
) -> None:
    """Compare rules that learn from several events with the gradient: credit through memristors, averages, STDP."""
    _study("equivalence_in_time", quick, data_dir, out)


def _study(name: str, quick: bool, data_dir: Path | None, out: Path | None) -> None:
    """Run a study of `brianff.protocols.studies` and show it."""
    run_study = import_module(f"brianff.protocols.studies.{name}").run_study
    with stoppable():
        study = run_study(out or Path("runs", f"study-{name}{'-quick' if quick else ''}"), quick, data_dir)
    _show(name, study)


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
    imports: Imports = None,
) -> None:
    """Train the fully memristive network on three data sets, with two kinds of synaptic devices."""
    from brianff.protocols.studies.msnn import reproduce_msnn

    with stoppable():
        numbers = whole_numbers("--seeds", seeds)
        chosen = some_names("--datasets", datasets), some_names("--devices", devices)
        paths = reproduce_msnn(*chosen, numbers, quick, out, data_dir)
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
    imports: Imports = None,
) -> None:
    """Train the six models of one layer of 200 on MNIST of arXiv 2406.16479, with the controls that it lacks."""
    from brianff.analysis.latents import draw_latents
    from brianff.protocols.studies.neohebbian import MODELS, markdown, reproduce

    numbers = whole_numbers("--seeds", seeds)[: 1 if quick else None]
    with stoppable():
        table = reproduce(out, data_dir, numbers, names(models) or MODELS, quick, draw=draw_latents)
    echo(markdown(table, len(numbers), quick))
    echo(f"written to {out}")
