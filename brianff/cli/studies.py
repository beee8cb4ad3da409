"""Commands that make many runs: reproduce and study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from brianff.cli.common import DataDirectory, Quick, Seeds, StudyOut, names, repeatable, whole_numbers

study_app = typer.Typer(help="Run a study: many small runs, one table and one figure.", rich_markup_mode=None)
reproduce_app = typer.Typer(help="Make the runs behind a table of results, and the table.", rich_markup_mode=None)


@study_app.command()
def robustness(
    quick: Quick = False,
    data_dir: DataDirectory = None,
    out: StudyOut = None,
) -> None:
    """Measure what imperfect synaptic devices cost and what learning in place wins back, on MNIST."""
    from brianff.protocols.studies.robustness import FULL, QUICK, run

    out = out or _study_directory("robustness", quick)
    with repeatable():
        table = run(QUICK if quick else FULL, out, data_dir)
    import pandas

    from brianff.analysis.figures import robustness, save_figure

    typer.echo(table)
    typer.echo(save_figure(robustness(pandas.read_csv(table)), out / "robustness.png"))


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
) -> None:
    """Train the fully memristive network on three data sets, with two kinds of synaptic devices."""
    from brianff.protocols.studies.msnn import reproduce_msnn

    with repeatable():
        numbers = whole_numbers("--seeds", seeds)
        paths = reproduce_msnn(names(datasets), names(devices), numbers, quick, out, data_dir)
    typer.echo(paths[-1].read_text(encoding="utf-8"))
    for path in paths:
        typer.echo(path)


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
) -> None:
    """Train the six models of one layer of 200 on MNIST of arXiv 2406.16479, with the controls that it lacks."""
    from brianff.protocols.studies.neohebbian import MODELS, markdown, reproduce

    numbers = whole_numbers("--seeds", seeds)[: 1 if quick else None]
    with repeatable():
        table = reproduce(out, data_dir, numbers, names(models) or MODELS, quick)
    typer.echo(markdown(table, len(numbers), quick))
    typer.echo(f"written to {out}")


@study_app.command("equivalence")
def study_equivalence(quick: Quick = False, data_dir: DataDirectory = None, out: StudyOut = None) -> None:
    """Compare the Hebbian change with the gradient: goodness functions, probabilities, neurons, over training."""
    from brianff.analysis import equivalence_study

    _study("equivalence", equivalence_study, quick, data_dir, out)


@study_app.command("stdp")
def study_stdp(quick: Quick = False, data_dir: DataDirectory = None, out: StudyOut = None) -> None:
    """Compare Forward-Forward with pair-based STDP on MNIST and on orders of events, with the same readouts."""
    from brianff.analysis import stdp_study

    _study("stdp", stdp_study, quick, data_dir, out)


def _study_directory(name: str, quick: bool) -> Path:
    return Path("runs", f"study-{name}{'-quick' if quick else ''}")


def _study(name: str, module: Any, quick: bool, data_dir: Path | None, out: Path | None) -> None:
    """Run a study: `module.run_study` writes its files, `module.summarise` makes its short table of the first one."""
    import pandas

    directory = out or _study_directory(name, quick)
    with repeatable():
        paths = module.run_study(directory, quick, data_dir)
    typer.echo(module.summarise(pandas.read_csv(paths[0])).to_string(float_format="{:.3f}".format, na_rep="-"))
    for path in paths:
        typer.echo(path)
