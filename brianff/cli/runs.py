"""Commands of runs: demo, train, evaluate, plot, report, energy."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brianff.cli.common import DataDirectory, Imports, Out, Run, Settings, print_table, results, stoppable
from brianff.cli.streams import echo, say
from brianff.errors import BrianffError, ConfigurationError
from brianff.imports import IMPORTED, check

if TYPE_CHECKING:
    from brianff.protocols.configuration import Protocol
    from brianff.protocols.trainer import Trainer
    from brianff.storage.run_directory import RunDirectory

app = typer.Typer()

Ideal = Annotated[bool, typer.Option("--ideal", help="Plain numbers for weights, in place of memristive devices.")]


@app.command()
def demo(out: Out = Path("runs"), ideal: Ideal = False) -> None:
    """Train on scikit-learn's 8x8 digits: which digit, and which of two came first. No download."""
    from brianff.protocols.configuration import load_protocol

    # The first time, tables of responses take longer to make than this training by steps; two of them run side by side.
    engine = ["engine.name=lanes", "engine.workers=1"]
    protocols = (
        load_protocol("msnn-digits", engine),
        load_protocol("msnn-order-digits", ["learning.epochs=12", *engine]),
    )
    digits, order = (protocol.without_devices() if ideal else protocol for protocol in protocols)
    # Most of a first demo is compiling, which takes one processor.
    with stoppable(lambda: "stopped; start again"), _trained_beside(order, out) as moving:
        say(f"brianff: which digit? {digits.name} trains; {order.name} does so meanwhile, without a bar")
        _train(digits, out, None)
        say(f"brianff: which of two digits came first? {order.name} trains with frozen memristors")
        frozen = _frozen_accuracy(order)
        run = moving()
    _against_frozen(run, frozen)


@contextmanager
def _trained_beside(protocol: Protocol, out: Path) -> Iterator[Callable[[], RunDirectory]]:
    """Train in a process of its own meanwhile; what is called waits for it, prints what it said, returns the run."""
    from brianff.storage.run_directory import RunDirectory

    run = RunDirectory.create(out, protocol.name, protocol.seed)
    run.write_config(protocol.model_dump(mode="json"))
    command = [sys.executable, "-P", "-m", "brianff", "train", "--resume", str(run.path)]

    def ended() -> RunDirectory:
        said, complaint = process.communicate()
        if process.returncode:
            raise BrianffError(complaint.rpartition("error: ")[2] or f"the training in {run.path} was killed")
        echo(said.rstrip("\n"))
        return run

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield ended
        finally:
            process.terminate()


def _frozen_accuracy(protocol: Protocol) -> float:
    from brianff.protocols.trainer import Trainer

    return Trainer(protocol.with_layers(memristors="frozen")).fit()["test_accuracy"]


def _against_frozen(run: RunDirectory, frozen: float) -> None:
    """Print what a run and the same with frozen memristors know of the order, and draw why."""
    from brianff.analysis.order import both_orders
    from brianff.analysis.style import save_figure
    from brianff.protocols.training import open_trainer

    summary = run.read_summary()
    run.write_summary(summary | {"control": {"frozen": {"test_accuracy": frozen}}})
    figure = save_figure(both_orders(open_trainer(run)), run.path / "figures" / "both-orders.png")
    told = f"{summary['test_accuracy']:.1%}; with frozen memristors {frozen:.1%}"
    print_table([("which came first", told), ("why", str(figure))])


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
    settings: Settings = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Resume a run that was stopped.")
    ] = None,
    ideal: Ideal = False,
    imports: Imports = None,
) -> None:
    """Train a protocol, or resume a run, of which only what results do not depend on can be --set, engine.workers."""
    if (protocol is None) == (resume is None):
        raise ConfigurationError("train takes either a PROTOCOL or --resume RUN; one to begin with is msnn-digits")
    if resume is not None:
        if seed is not None or ideal:
            raise ConfigurationError("--resume takes --seed and --ideal from the run: leave them out")
        from brianff.protocols.configuration import load_protocol

        run = _open(resume)
        _train(load_protocol(run.path / "config.toml", settings or ()), out, data_dir, run)
    if protocol is not None:
        seed_setting = [] if seed is None else [f"seed={seed}"]
        wanted = described(protocol, [*(settings or ()), *seed_setting])
        _train(wanted.without_devices() if ideal else wanted, out, data_dir)


def described(name: str, settings: list[str]) -> Protocol:
    """Return a protocol that remembers the imported modules; a run's own needs those with which it was made."""
    from brianff.protocols.configuration import load_protocol

    protocol = load_protocol(name, settings)
    check(protocol.imports)
    return protocol.replace(imports=dict(IMPORTED))


def _open(path: Path) -> RunDirectory:
    """Return a run, if the modules with which it was made are imported again."""
    from brianff.storage.run_directory import RunDirectory

    run = RunDirectory.open(path)
    check(run.read_config().get("imports", {}))
    return run


def _train(
    protocol: Protocol,
    out: Path,
    data_dir: Path | None,
    resumed: RunDirectory | None = None,
) -> tuple[Trainer, RunDirectory, dict[str, Any]]:
    """Train in a new run directory below `out`, or in a run that is resumed."""
    from brianff.protocols import training
    from brianff.storage.run_directory import RunDirectory

    with stoppable(partial(_stopped, resumed, data_dir)) if resumed else nullcontext():
        trainer = training.prepare(protocol, data_dir)  # what cannot be trained leaves no run directory
    run = resumed or RunDirectory.create(out, protocol.name, protocol.seed)
    with stoppable(partial(_stopped, run, data_dir)):
        summary = training.train(trainer, run)
    from brianff.analysis.report import write_figures
    from brianff.protocols.activity import activity_rows, complaints, notes

    write_figures(trainer, run.figures)
    rows = [("protocol", protocol.name), *results(summary), *activity_rows(summary), ("run directory", str(run.path))]
    print_table(rows)
    for complaint in complaints(summary):
        say(f"brianff: {complaint}")
    for note in notes(summary):
        echo(f"note: {note}")
    return trainer, run, summary


def _stopped(run: RunDirectory, data_dir: Path | None) -> str:
    """Return how a run that was stopped is resumed."""
    if not run.checkpoint_path.exists():
        return f"stopped before the first checkpoint; start again ({run.path} is unused)"
    command = ["brianff", "train", "--resume", str(run.path)]
    command += ["--data-dir", str(data_dir)] if data_dir else []
    command += [part for name in IMPORTED for part in ("--import", name)]
    return f"stopped; resume with: {shlex.join(command)}"


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
    imports: Imports = None,
) -> None:
    """Measure the accuracy of a trained run, which stays as it is, or of weights that were trained elsewhere."""
    if (run is None) == (protocol is None) or (protocol is None) != (weights is None):
        raise ConfigurationError("evaluate takes either a RUN, or --protocol PROTOCOL and --weights FILE.npz")
    if run is not None:
        from brianff.protocols import training

        print_table(results(training.evaluate(_open(run), data_dir)))
    if protocol is not None and weights is not None:
        from brianff.protocols.foreign import evaluate_weights

        wanted = described(protocol, settings or [])
        made, summary = evaluate_weights(wanted, weights, out, data_dir)
        print_table([*results(summary), ("run directory", str(made.path))])


@app.command()
def plot(run: Run, data_dir: DataDirectory = None, imports: Imports = None) -> None:
    """Write a run's figures."""
    from brianff.analysis.report import write_figures
    from brianff.protocols.training import open_trainer

    for path in write_figures(open_trainer(_open(run), data_dir), Path(run, "figures")):
        echo(path)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN [RUN ...]", help="Run directories, shown side by side.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page.")] = Path("report.html"),
    imports: Imports = None,
) -> None:
    """Write runs as one HTML page that needs nothing else: what was trained, results, figures, energy, provenance."""
    from brianff.analysis.page import write_report

    echo(write_report([_open(run) for run in runs], out))


@app.command()
def energy(run: Run, data_dir: DataDirectory = None, imports: Imports = None) -> None:
    """Measure where a run's energy goes; write energy.json and a figure into the run directory."""
    from brianff.analysis.energy import ledger_rows, write_ledger
    from brianff.protocols.training import open_trainer

    entries = write_ledger(open_trainer(_open(run), data_dir), run)
    print_table(ledger_rows(entries))
    for note in entries["notes"]:
        echo(f"note: {note}")
