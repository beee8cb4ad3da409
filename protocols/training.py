"""Training and evaluating in a run directory: what `Trainer.fit`, the command line and studies call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np

from brianff.arguments import explained
from brianff.data.split import Dataset, Split
from brianff.description.fields import Place, argument
from brianff.errors import BrianffError, CheckpointError, ConfigurationError
from brianff.progress import Progress
from brianff.protocols.activity import changed_by_freezing, layer_activity
from brianff.protocols.configuration import Protocol
from brianff.protocols.digital_support import digital_support
from brianff.protocols.fingerprint import fingerprints
from brianff.protocols.readout import GoodnessReadout, readout_accuracies
from brianff.protocols.trainer import Trainer
from brianff.storage.checkpoint import digest, load_checkpoint, save_checkpoint
from brianff.storage.locks import LOCK, writing
from brianff.storage.provenance import provenance
from brianff.storage.run_directory import RunDirectory, plain, without_none
from brianff.storage.summary import Summary

__all__ = ["check_same", "evaluate", "fit", "measure", "open_trainer", "prepare", "resume", "train"]


def prepare(protocol: Protocol, data_dir: Path | None = None, dataset: Dataset | None = None) -> Trainer:
    """Return a new trainer for a protocol; nothing is compiled or written yet.

    Parameters
    ----------
    protocol : Protocol
    data_dir : Path, optional
        Where the data sets are.
    dataset : Dataset, optional
        Of a script: what a run that learned it needs to be opened again; nothing has to be registered.

    Raises
    ------
    BrianffError
        If the data are missing or damaged, or the protocol does not fit them.
    """
    return Trainer(protocol, dataset, data_dir=data_dir)


def fit(trainer: Trainer, directory: str | Path | RunDirectory | None = None, progress: bool = True) -> dict[str, Any]:
    """Train what is left to train and evaluate; see `Trainer.fit`."""
    seconds = {"compile": 0.0, "train": 0.0, "evaluate": 0.0}
    if directory is None:
        trainer.summary = _run(trainer, None, progress, seconds)
        return trainer.summary
    run = directory if isinstance(directory, RunDirectory) else RunDirectory(Path(directory))
    if not run.started:
        run.make(exist_ok=True)
    if run.finished and (run.path / LOCK).exists():  # who made it was killed just before the end
        with suppress(BrianffError), writing(run.path):
            pass
    with nullcontext() if run.finished else writing(run.path):
        trainer.summary = _fit_in(trainer, run, progress, seconds)
    return trainer.summary


def _fit_in(trainer: Trainer, run: RunDirectory, progress: bool, seconds: dict[str, float]) -> dict[str, Any]:
    """Begin, resume or look up a run."""
    if run.started:
        check_same(trainer.protocol.model_dump(mode="json"), run.read_config(), run.path)
        if run.finished:
            _restore(trainer, run)
            return run.read_summary()
        if run.checkpoint_path.exists():
            seconds |= _restore(trainer, run)
            _write_history(trainer, run)  # a kill may have come between the checkpoint and its history
    else:
        run.write_config(trainer.protocol.model_dump(mode="json"))
        if trainer.layer or trainer.epoch:  # trained elsewhere: without a checkpoint it could not be opened again
            _save(trainer, run, seconds)
    return _run(trainer, run, progress, seconds)


def train(trainer: Trainer, run: RunDirectory, progress: bool = True) -> dict[str, Any]:
    """Train in a run directory and evaluate; see `Trainer.fit`."""
    return fit(trainer, run, progress)


def resume(
    run: RunDirectory, data_dir: Path | None = None, progress: bool = True, dataset: Dataset | None = None
) -> dict[str, Any]:
    """Continue a run from its last checkpoint: the result is bit for bit that of the uninterrupted run.

    A run without a checkpoint starts again. Parameters and errors are those of `prepare` and `train`, and a
    CheckpointError for a damaged checkpoint.
    """
    return fit(prepare(Protocol(**run.read_config()), data_dir, dataset), run, progress)


@explained
def open_trainer(
    run: RunDirectory | str | Path, data_dir: Path | None = None, dataset: Dataset | None = None
) -> Trainer:
    """Return the trainer of a run in the state of its last checkpoint, for evaluation, figures and analysis.

    Parameters
    ----------
    run : RunDirectory, str or Path
        The directory of a run, such as "runs/msnn-digits-seed1-20260727-153810".
    data_dir : Path, optional
        Where named data sets are looked for first.
    dataset : Dataset, optional
        That of a run whose data set was made by a script.

    Raises
    ------
    CheckpointError
        If the run has no checkpoint yet, or it is damaged.
    """
    if not isinstance(run, RunDirectory):
        run = RunDirectory.open(argument("run", run, Place()))
    trainer = prepare(Protocol(**run.read_config()), data_dir, dataset)
    _restore(trainer, run)
    if run.finished:
        trainer.summary = run.read_summary()
    return trainer


def evaluate(
    run: RunDirectory, data_dir: Path | None = None, progress: bool = True, dataset: Dataset | None = None
) -> dict[str, Any]:
    """Evaluate a run's last checkpoint on the held-out images; the run stays as it is. Parameters as in `prepare`.

    Returns
    -------
    dict
        protocol, dataset, seed, images, the accuracy as `test_accuracy` or `validation_accuracy`, weights_digest.
    """
    return measure(open_trainer(run, data_dir, dataset), progress)


def measure(trainer: Trainer, progress: bool = True) -> dict[str, Any]:
    """Evaluate a trainer on its held-out images as it is; returns what `evaluate` does."""
    split = trainer.held_out
    with Progress(len(split), None, enabled=progress, unit="images") as bar:
        bar.stage("evaluating")
        accuracies = _accuracies(trainer, {_held_out_name(trainer): split}, bar.advance)
    return _identity(trainer) | {
        "images": len(split),
        **accuracies,
        "weights_digest": digest(trainer.weights()),
    }


def _restore(trainer: Trainer, run: RunDirectory) -> dict[str, float]:
    arrays, values = load_checkpoint(run.checkpoint_path)
    check_same(trainer.protocol.model_dump(mode="json"), values.get("protocol"), run.checkpoint_path)
    recorded, parts = values.get("parts", {}), fingerprints(trainer.protocol)
    if changed := sorted(key for key in recorded if recorded[key] != parts.get(key)):
        raise CheckpointError(
            f"{run.path} was made with other parts than those of these names now: {', '.join(changed)}; give the "
            "same, or train anew in another directory"
        )
    try:
        trainer.restore(arrays, values)
    except CheckpointError as error:
        raise CheckpointError(f"{run.checkpoint_path} is not of this run: {error}") from None
    return values["seconds"]


def check_same(config: dict[str, Any], described: Any, where: Path) -> None:
    """Raise a CheckpointError if a description is not that of a protocol; settings that came later have their defaults.

    Descriptions are compared as they are written: parts of a user's script have names only.
    """
    now = _flat(without_none(config))
    changed = _changed(_flat(without_none(described)), now)
    if changed and isinstance(described, dict):
        with suppress(ConfigurationError, TypeError):
            changed = _changed(_flat(without_none(Protocol(**described).model_dump(mode="json"))), now)
    if changed:
        more = f" and {len(changed) - 4} more" if len(changed) > 4 else ""
        raise CheckpointError(
            f"{where} is of another configuration: {'; '.join(changed[:4])}{more}. Leave that as it is, or name "
            "another directory for the run"
        )


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return which values are not those from before, but for what results do not depend on."""
    keys = {**before, **now}.keys() - {"engine.workers", "engine.kept_spikes"}
    values = [(key, before.get(key, "not set"), now.get(key, "not set")) for key in sorted(keys)]
    return [f"{key} was {then}, is {value}" for key, then, value in values if then != value]


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Return the values of a configuration by their dotted keys."""
    if not (value and isinstance(value, dict | list)):
        return {key: value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return {one: content for name, item in items for one, content in _flat(item, f"{key}.{name}".lstrip(".")).items()}


def _save(trainer: Trainer, run: RunDirectory, seconds: dict[str, float]) -> None:
    arrays, values = trainer.state()
    protocol, parts = trainer.protocol.model_dump(mode="json"), fingerprints(trainer.protocol)
    save_checkpoint(run.checkpoint_path, arrays, values | {"seconds": seconds, "protocol": protocol, "parts": parts})
    _write_history(trainer, run)


def _write_history(trainer: Trainer, run: RunDirectory) -> None:
    run.write_history(trainer.history.itertuples(index=False, name=None))


def _run(trainer: Trainer, run: RunDirectory | None, progress: bool, seconds: dict[str, float]) -> dict[str, Any]:
    protocol, log = trainer.protocol, None if run is None else run.log
    training_part = trainer.training_part(protocol.evaluation.training_images)
    evaluated = len(trainer.held_out) + (len(training_part) if protocol.readout is GoodnessReadout else 0)
    total = trainer.images_left + evaluated
    with Progress(total, log, enabled=progress, unit="images") as bar:
        with _timed(seconds, "compile"):
            bar.stage("compiling (only the first time; compiled code is kept)")
            _warm_up(trainer)
        if run is not None:
            run.log.info("engine %s: %s", trainer.engine, trainer.simulator.engine_reason)

        def report(images: int, figures: dict[str, float]) -> None:
            bar.show(**{name: f"{value:.3g}" for name, value in figures.items()})
            bar.advance(images)

        while not trainer.finished:
            bar.stage(f"training layer {trainer.layer}, epoch {trainer.epoch + 1} of {protocol.learning.epochs}")
            with _timed(seconds, "train"):
                trainer.run_epoch(report)
            if run is not None:
                run.log.info("; ".join(f"{quantity} {value:.4g}" for quantity, value in trainer.last_epoch().items()))
                _save(trainer, run, seconds)
        with _timed(seconds, "evaluate"):
            bar.stage("evaluating")
            parts = {_held_out_name(trainer): trainer.held_out, "train_accuracy": training_part}
            accuracies = _accuracies(trainer, parts, bar.advance)
    summary = _identity(trainer) | {
        **accuracies,
        "neurons": [layer.neurons for layer in protocol.network.layers],
        "devices": [layer.device.name if layer.device else "none" for layer in protocol.network.layers],
        "classes": protocol.network.classes,
        "decision": trainer.decision,
        "layers": layer_activity(trainer),
        "changed_by_freezing": changed_by_freezing(trainer),
        "epochs": protocol.learning.epochs,
        "presentations": trainer.simulator.presentations,
        "neuron_steps": trainer.simulator.neuron_steps,
        "wall_seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_memory_bytes": trainer.simulator.peak_memory(),
        "engine": trainer.engine,
        "workers": trainer.simulator.workers,
        "digital_support": digital_support(protocol, trainer.simulator),
        "weights_digest": digest(trainer.weights()),
    }
    summary = plain(summary | provenance(), "summary")
    for callback in trainer.callbacks:
        callback.on_evaluation(trainer, summary)
        summary = plain(summary, f"summary of {type(callback).__name__}")
        Summary(**summary)  # what could not be read again is not written
    if run is not None:
        run.write_summary(summary)
        run.log.info(", ".join(f"{name} {np.round(value, 4)}" for name, value in accuracies.items()))
    return summary


def _accuracies(trainer: Trainer, parts: dict[str, Split], report: Callable[[int], None]) -> dict[str, Any]:
    """Return the accuracy on each part by name; without labels, those of linear readouts of the held-out images.

    Of several layers, also what each alone reaches on the held-out images.
    """
    if trainer.protocol.readout is not GoodnessReadout:
        return readout_accuracies(trainer, report)
    outcomes = {name: trainer.infer(split, report) for name, split in parts.items()}
    accuracies: dict[str, Any] = {name: outcome.accuracy for name, outcome in outcomes.items()}
    accuracies["tied_share"] = outcomes[_held_out_name(trainer)].tied_share
    layers = range(len(trainer.simulator.layers))
    if len(layers) > 1:
        alone = [trainer.evaluate(trainer.held_out, layers=[layer]) for layer in layers]
        accuracies[f"{_held_out_name(trainer)}_by_layer"] = alone
    return accuracies


def _warm_up(trainer: Trainer) -> None:
    """Present one image, so that code is generated and compiled before the clock of training starts."""
    simulator = trainer.simulator
    counters = simulator.presentations, simulator.neuron_steps
    with simulator.evaluation():
        pixels = simulator.network.pixels * simulator.network.encoding.frames
        simulator.present(np.zeros((1, pixels)), np.zeros(1, dtype=int))
    simulator.presentations, simulator.neuron_steps = counters
    trainer.build()


def _identity(trainer: Trainer) -> dict[str, Any]:
    return {"protocol": trainer.protocol.name, "dataset": trainer.dataset.name, "seed": trainer.protocol.seed}


def _held_out_name(trainer: Trainer) -> str:
    return "validation_accuracy" if trainer.protocol.data.validation_images else "test_accuracy"


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    start, before = time.perf_counter(), seconds[phase]
    try:
        yield
    finally:
        seconds[phase] = before + time.perf_counter() - start
