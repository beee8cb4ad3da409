"""Training and evaluating in a run directory: what the command line and scripts call."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from brianff.checkpoint import digest, load_checkpoint, save_checkpoint
from brianff.datasets import load_dataset
from brianff.errors import CheckpointError
from brianff.progress import Progress
from brianff.protocols.configuration import Protocol
from brianff.protocols.polarity import RandomPolarityTrainer
from brianff.protocols.trainer import Trainer
from brianff.runs import RunDirectory

__all__ = ["evaluate", "measure", "open_trainer", "prepare", "resume", "train"]

_PACKAGES = ("brianff", "brian2", "numpy", "scipy", "Cython")


def prepare(protocol: Protocol, data_dir: Path | None = None) -> Trainer:
    """Return a new trainer for a protocol; nothing is compiled or written yet.

    Parameters
    ----------
    protocol : Protocol
    data_dir : Path, optional
        Where the data sets are.

    Raises
    ------
    BrianffError
        If the data are missing or damaged, or the protocol does not fit them.
    """
    trainer = Trainer if protocol.learning.polarity == "both" else RandomPolarityTrainer
    return trainer(protocol, load_dataset(protocol.data.dataset, data_dir))


def train(
    trainer: Trainer, run: RunDirectory, progress: bool = True, after_epoch: Callable[[Trainer], None] | None = None
) -> dict[str, Any]:
    """Train from the start and evaluate.

    Parameters
    ----------
    trainer : Trainer
        From `prepare`.
    run : RunDirectory
        A new run directory; it receives configuration, history, checkpoints, log and summary.
    progress : bool
        Show a progress bar.
    after_epoch : callable, optional
        Called with the trainer after each epoch, before the checkpoint; it may add rows to its history.

    Returns
    -------
    dict
        The summary, as written to summary.json.

    Raises
    ------
    NumericalError
        If the integration diverges.
    """
    run.write_config(trainer.protocol.model_dump(mode="json"))
    return _run(trainer, run, progress, {"compile": 0.0, "train": 0.0, "evaluate": 0.0}, after_epoch)


def resume(
    run: RunDirectory,
    data_dir: Path | None = None,
    progress: bool = True,
    after_epoch: Callable[[Trainer], None] | None = None,
) -> dict[str, Any]:
    """Continue a run from its last checkpoint: the result is bit for bit that of the uninterrupted run.

    A run without a checkpoint starts again. Errors are those of `prepare` and `train`, and a CheckpointError for a
    damaged checkpoint.
    """
    trainer = prepare(Protocol(**run.read_config()), data_dir)
    seconds = {"compile": 0.0, "train": 0.0, "evaluate": 0.0}
    if run.checkpoint_path.exists():
        seconds |= _restore(trainer, run)
    return _run(trainer, run, progress, seconds, after_epoch)


def open_trainer(run: RunDirectory, data_dir: Path | None = None) -> Trainer:
    """Return the trainer of a run in the state of its last checkpoint, for evaluation and analysis.

    Raises
    ------
    CheckpointError
        If the run has no checkpoint yet, or it is damaged.
    """
    trainer = prepare(Protocol(**run.read_config()), data_dir)
    _restore(trainer, run)
    return trainer


def evaluate(run: RunDirectory, data_dir: Path | None = None, progress: bool = True) -> dict[str, Any]:
    """Evaluate a run's last checkpoint on the held-out images; the run stays as it is.

    Returns
    -------
    dict
        protocol, dataset, seed, images, the accuracy as `test_accuracy` or `validation_accuracy`, weights_digest.
    """
    return measure(open_trainer(run, data_dir), progress)


def measure(trainer: Trainer, progress: bool = True) -> dict[str, Any]:
    """Evaluate a trainer on its held-out images as it is; returns what `evaluate` does."""
    split = trainer.held_out
    with Progress(len(split), None, enabled=progress, unit="images") as bar:
        bar.stage("evaluating")
        accuracy = trainer.evaluate(split, bar.advance)
    return _identity(trainer) | {
        "images": len(split),
        _held_out_name(trainer): accuracy,
        "weights_digest": digest(trainer.weights()),
    }


def _restore(trainer: Trainer, run: RunDirectory) -> dict[str, float]:
    arrays, values = load_checkpoint(run.checkpoint_path)
    if values.get("protocol") != trainer.protocol.model_dump(mode="json"):
        raise CheckpointError(f"{run.checkpoint_path} belongs to another configuration than the run's config.toml")
    trainer.restore(arrays, values)
    return values["seconds"]


def _save(trainer: Trainer, run: RunDirectory, seconds: dict[str, float]) -> None:
    arrays, values = trainer.state()
    protocol = trainer.protocol.model_dump(mode="json")
    save_checkpoint(run.checkpoint_path, arrays, values | {"seconds": seconds, "protocol": protocol})
    run.write_history(trainer.history)


def _run(
    trainer: Trainer,
    run: RunDirectory,
    progress: bool,
    seconds: dict[str, float],
    after_epoch: Callable[[Trainer], None] | None = None,
) -> dict[str, Any]:
    protocol = trainer.protocol
    training_part = trainer.training.first(protocol.evaluation.training_images)
    total = trainer.images_left + len(training_part) + len(trainer.held_out)
    with Progress(total, run.log, enabled=progress, unit="images") as bar:
        with _timed(seconds, "compile"):
            bar.stage("compiling (only the first time; compiled code is kept)")
            _warm_up(trainer)

        def report(images: int, figures: dict[str, float]) -> None:
            bar.show(**{name: f"{value:.3g}" for name, value in figures.items()})
            bar.advance(images)

        while not trainer.finished:
            bar.stage(f"training layer {trainer.layer}, epoch {trainer.epoch + 1} of {protocol.learning.epochs}")
            with _timed(seconds, "train"):
                trainer.run_epoch(report)
            if after_epoch is not None:
                with _timed(seconds, "evaluate"):
                    after_epoch(trainer)
            run.log.info("; ".join(f"{quantity} {value:.4g}" for quantity, value in trainer.last_epoch().items()))
            _save(trainer, run, seconds)
        with _timed(seconds, "evaluate"):
            bar.stage("evaluating")
            held_out = trainer.evaluate(trainer.held_out, bar.advance)
            training = trainer.evaluate(training_part, bar.advance)
    summary = _identity(trainer) | {
        _held_out_name(trainer): held_out,
        "train_accuracy": training,
        "epochs": protocol.learning.epochs,
        "presentations": trainer.simulator.presentations,
        "neuron_steps": trainer.simulator.neuron_steps,
        "wall_seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_memory_bytes": _peak_memory(),
        "engine": trainer.engine,
        "weights_digest": digest(trainer.weights()),
        "packages": {package: version(package) for package in _PACKAGES},
        "python": platform.python_version(),
    }
    run.write_summary(summary)
    run.log.info(f"{_held_out_name(trainer)} {held_out:.4f}, train_accuracy {training:.4f}")
    return summary


def _warm_up(trainer: Trainer) -> None:
    """Present one image, so that code is generated and compiled before the clock of training starts."""
    simulator = trainer.simulator
    counters = simulator.presentations, simulator.neuron_steps
    with simulator.evaluation():
        simulator.present(np.zeros((1, simulator.network.pixels)), np.zeros(1, dtype=int))
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


def _peak_memory() -> int | None:
    """Return the peak resident memory of this process in bytes; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
