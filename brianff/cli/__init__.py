"""The front door: the command line. It imports the floors above, and only when a command needs them."""

from __future__ import annotations

import shlex
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from brianff.errors import BrianffError, ConfigurationError

if TYPE_CHECKING:
    from brianff.protocols.configuration import Protocol
    from brianff.storage.run_directory import RunDirectory

__all__ = ["main"]

# In every version of typer the direct base of BadParameter is the usage error, under changing names.
_UsageError: Any = typer.BadParameter.__base__

app = typer.Typer(
    help="Forward-Forward learning on fully memristive spiking networks.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="List the data sets, or fetch one.", rich_markup_mode=None)
app.add_typer(data_app, name="data")
study_app = typer.Typer(help="Run a study: many small runs, one table and one figure.", rich_markup_mode=None)
app.add_typer(study_app, name="study")
reproduce_app = typer.Typer(help="Make the runs behind a table of results, and the table.", rich_markup_mode=None)
app.add_typer(reproduce_app, name="reproduce")

DataDirectory = Annotated[
    Path | None, typer.Option("--data-dir", help="Directory of the image sets (else BRIANFF_DATA or the cache).")
]
Out = Annotated[Path, typer.Option("--out", help="Directory in which the run directory is made.")]
Quick = Annotated[bool, typer.Option("--quick", help="A small part of the study, in about two minutes.")]
StudyOut = Annotated[
    Path | None, typer.Option("--out", help="Directory of the study (default: runs/study-NAME, or -NAME-quick).")
]
Seeds = Annotated[str, typer.Option("--seeds", metavar="N,...", help="Seeds, one run each.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")]


def main() -> NoReturn:
    """Run the command line and exit: 0 when all went well, 2 after an error, 130 or 143 when stopped."""
    warnings.formatwarning = lambda message, *_: f"brianff: warning: {message}\n"
    try:
        status = app(prog_name="brianff", standalone_mode=False) or 0
    except BrianffError as error:
        status = _fail(str(error))
    except _UsageError as error:
        status = _fail(error.format_message())
    except typer.Abort:
        status = 130
    sys.exit(status)


def _fail(message: str) -> int:
    typer.echo(f"brianff: error: {' '.join(message.split())}", err=True)
    return 2


@app.callback(invoke_without_command=True)
def _without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(out: Out = Path("runs")) -> None:
    """Train on scikit-learn's 8x8 digits: no download."""
    from brianff.protocols.configuration import load_protocol

    _train(load_protocol("msnn-digits"), out, None)


@app.command()
def train(
    protocol: Annotated[
        str | None, typer.Argument(metavar="PROTOCOL", help="A named protocol or the path of a TOML file.")
    ] = None,
    data_dir: DataDirectory = None,
    out: Out = Path("runs"),
    seed: Annotated[
        str | None, typer.Option("--seed", metavar="N", help="Seed of the run: the same as --set seed=N.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value, e.g. learning.epochs=3.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Go on with a run that was stopped.")
    ] = None,
) -> None:
    """Train a protocol, or go on with a run."""
    if (protocol is None) == (resume is None):
        raise ConfigurationError("train takes either a PROTOCOL or --resume RUN")
    if resume is not None:
        if seed is not None or settings:
            raise ConfigurationError("--resume takes --seed and --set from the run: leave them out")
        _resume(resume, data_dir)
    if protocol is not None:
        from brianff.protocols.configuration import load_protocol

        seed_setting = [] if seed is None else [f"seed={seed}"]
        _train(load_protocol(protocol, [*(settings or ()), *seed_setting]), out, data_dir)


def _train(protocol: Protocol, out: Path, data_dir: Path | None) -> None:
    from brianff.protocols import training
    from brianff.storage.run_directory import RunDirectory

    trainer = training.prepare(protocol, data_dir)  # what cannot be trained leaves no run directory
    run = RunDirectory.create(out, protocol.name, protocol.seed)
    with _resumable(run, data_dir):
        summary = training.train(trainer, run)
    _finish(run, summary, data_dir)


def _resume(path: Path, data_dir: Path | None) -> None:
    from brianff.protocols import training
    from brianff.storage.run_directory import RunDirectory

    run = RunDirectory.open(path)
    with _resumable(run, data_dir):
        summary = training.resume(run, data_dir)
    _finish(run, summary, data_dir)


def _finish(run: RunDirectory, summary: dict[str, Any], data_dir: Path | None) -> None:
    from brianff.analysis.report import write_figures

    write_figures(run, data_dir)
    _print_table([*_results(summary), ("run directory", str(run.path))])


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which batch systems send, handled as Ctrl-C is."""


def _terminate(*_: object) -> NoReturn:
    raise _Terminated


@contextmanager
def _resumable(run: RunDirectory, data_dir: Path | None) -> Iterator[None]:
    """Say how to resume when the work inside is stopped by Ctrl-C or SIGTERM."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except KeyboardInterrupt as stop:
        if run.checkpoint_path.exists():
            command = ["brianff", "train", "--resume", str(run.path)]
            command += ["--data-dir", str(data_dir)] if data_dir else []
            typer.echo(f"brianff: stopped; resume with: {shlex.join(command)}", err=True)
        else:
            typer.echo(f"brianff: stopped before the first checkpoint; start again ({run.path} is unused)", err=True)
        raise typer.Exit(143 if isinstance(stop, _Terminated) else 130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@app.command()
def evaluate(
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="A run directory.")] = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", metavar="PROTOCOL", help="Named protocol or TOML file, with --weights.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE.npz", help="Arrays weights_0, ... and label_codes.")
    ] = None,
    data_dir: DataDirectory = None,
    out: Out = Path("runs"),
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value, with --weights.")
    ] = None,
) -> None:
    """Measure the accuracy of a trained run, which stays as it is, or of weights that were trained elsewhere."""
    if (run is None) == (protocol is None) or (protocol is None) != (weights is None):
        raise ConfigurationError("evaluate takes either a RUN, or --protocol PROTOCOL and --weights FILE.npz")
    from brianff.protocols import training
    from brianff.storage.run_directory import RunDirectory

    if run is not None:
        _print_table(_results(training.evaluate(RunDirectory.open(run), data_dir)))
    if protocol is not None and weights is not None:
        from brianff.protocols.configuration import load_protocol
        from brianff.protocols.foreign import evaluate_weights

        made, summary = evaluate_weights(load_protocol(protocol, settings or ()), weights, out, data_dir)
        _print_table([*_results(summary), ("run directory", str(made.path))])


@app.command()
def plot(run: Run, data_dir: DataDirectory = None) -> None:
    """Write a run's figures."""
    from brianff.analysis.report import write_figures
    from brianff.storage.run_directory import RunDirectory

    for path in write_figures(RunDirectory.open(run), data_dir):
        typer.echo(path)


@app.command()
def energy(run: Run, data_dir: DataDirectory = None) -> None:
    """Measure where a run's energy goes; write energy.json and a figure into the run directory."""
    from brianff.analysis.energy import ledger_rows, write_ledger
    from brianff.storage.run_directory import RunDirectory

    entries = write_ledger(RunDirectory.open(run), data_dir)
    _print_table(ledger_rows(entries))
    for note in entries["notes"]:
        typer.echo(f"note: {note}")


@app.command()
def devices(
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Also draw the devices' curves into this file.")
    ] = None,
) -> None:
    """List the presets of synaptic devices with their sources."""
    from brianff.equations.devices import DEVICES

    _print_table([(name, preset.source) for name, preset in DEVICES.items()])
    if figure is not None:
        from brianff.analysis.devices import device_sheet
        from brianff.analysis.style import save_figure

        typer.echo(save_figure(device_sheet(), figure))


@app.command()
def doctor() -> None:
    """Show versions, compiler, code generation and data sets."""
    from brianff.doctor import report

    _print_table(report())


@study_app.command()
def robustness(
    quick: Quick = False,
    data_dir: DataDirectory = None,
    out: StudyOut = None,
) -> None:
    """Measure what imperfect synaptic devices cost and what learning in place wins back, on MNIST."""
    from brianff.protocols.studies.robustness import FULL, QUICK, run

    out = out or _study_directory("robustness", quick)
    with _repeatable():
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
    from brianff.analysis.msnn import reproduce_msnn

    with _repeatable():
        numbers = _whole_numbers("--seeds", seeds)
        paths = reproduce_msnn(_names(datasets), _names(devices), numbers, quick, out, data_dir)
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
    from brianff.analysis.neohebbian import MODELS, markdown, reproduce

    numbers = _whole_numbers("--seeds", seeds)[: 1 if quick else None]
    with _repeatable():
        table = reproduce(out, data_dir, numbers, _names(models) or MODELS, quick)
    typer.echo(markdown(table, len(numbers), quick))
    typer.echo(f"written to {out}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _whole_numbers(option: str, text: str) -> list[int]:
    names = _names(text)
    if not names or not all(name.isdecimal() for name in names):
        raise ConfigurationError(f"{option} is {text!r}; it takes whole numbers separated by commas, such as 1,2,3")
    return [int(name) for name in names]


@contextmanager
def _repeatable() -> Iterator[None]:
    """Say how to go on when several runs are stopped by Ctrl-C or SIGTERM."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except KeyboardInterrupt as stop:
        typer.echo("brianff: stopped; the same command goes on with what is missing", err=True)
        raise typer.Exit(143 if isinstance(stop, _Terminated) else 130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@data_app.callback(invoke_without_command=True)
def data(context: typer.Context, data_dir: DataDirectory = None) -> None:
    """List the data sets, or fetch one."""
    if context.invoked_subcommand is None:
        from brianff.data.named import available_datasets

        _print_table([(name, str(path or "not found")) for name, path in available_datasets(data_dir).items()])


@data_app.command()
def fetch(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a data set.")]) -> None:
    """Download a data set into the cache and check it."""
    from brianff.data.named import fetch_dataset

    typer.echo(fetch_dataset(name))


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
    with _repeatable():
        paths = module.run_study(directory, quick, data_dir)
    typer.echo(module.summarise(pandas.read_csv(paths[0])).to_string(float_format="{:.3f}".format, na_rep="-"))
    for path in paths:
        typer.echo(path)


def _results(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the accuracies and the wall time of a summary as text."""
    rows = [(key.replace("_", " "), f"{value:.2%}") for key, value in summary.items() if key.endswith("_accuracy")]
    if seconds := summary.get("wall_seconds"):
        parts = ", ".join(f"{part} {value:.1f} s" for part, value in seconds.items())
        rows.append(("wall time", f"{sum(seconds.values()):.1f} s ({parts})"))
    return rows


def _print_table(rows: list[tuple[str, str]]) -> None:
    width = max((len(item) for item, _ in rows), default=0)
    for item, value in rows:
        typer.echo(f"{item:{width}}  {value}")
