"""Sweeps: many runs, each in a directory of its own; what is finished is not run again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brianff.protocols.configuration import Protocol
from brianff.protocols.trainer import Trainer
from brianff.storage.run_directory import RunDirectory

__all__ = ["run_sweep"]


def run_sweep(
    protocols: Mapping[str, Protocol],
    directory: Path,
    data_dir: Path | None = None,
    progress: bool = True,
) -> dict[str, dict[str, Any]]:
    """Make every run that is missing, go on with those that were stopped, and return all summaries.

    Parameters
    ----------
    protocols : mapping of str to Protocol
        Name of each run's directory below `directory`, and what it runs.
    directory : Path
    data_dir : Path, optional
        Where the data sets are.
    progress : bool
        Show a progress bar for each run.

    Returns
    -------
    dict of str to dict
        The content of each run's summary.json; empty without protocols.

    Raises
    ------
    CheckpointError
        If a directory holds a run of another configuration.
    BrianffError
        Whatever a run raises; the runs before it are kept.
    """
    return {
        name: _complete(RunDirectory(Path(directory, name)), protocol, data_dir, progress)
        for name, protocol in protocols.items()
    }


def _complete(run: RunDirectory, protocol: Protocol, data_dir, progress) -> dict[str, Any]:
    if run.finished and Protocol(**run.read_config()) == protocol:
        return run.read_summary()
    return Trainer(protocol, data_dir=data_dir).fit(run, progress)
